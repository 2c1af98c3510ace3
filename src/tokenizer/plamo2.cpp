#include "tokenizer/plamo2.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tokenizer/hex.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

constexpr std::int64_t kUnknownCost = 10'000'000, kUnusable = 20'000'000;
// Far beyond what files have; sums over the longest text still fit.
constexpr double kMostCost = 4e9;

/// kUnusable: the token takes no part.
std::int64_t cost_of(float score) {
  const double scaled = std::round(double{score} * 10000);
  if (!std::isfinite(score) || scaled <= -static_cast<double>(kUnusable)) return kUnusable;
  return -static_cast<std::int64_t>(std::min(scaled, kMostCost));
}

}  // namespace

Plamo2Model::Plamo2Model(const Vocabulary& v) {
  std::vector<std::string> texts;
  texts.reserve(v.texts.size());
  std::vector<ByteTrie::Key> keys;
  for (TokenId token = 0; token < v.size(); ++token) {
    costs_.push_back(cost_of(v.scores[token]));
    const int byte = v.has(token, kByte) ? byte_token_value(v.texts[token]) : -1;
    if (byte >= 0) byte_tokens_[static_cast<std::size_t>(byte)] = token;
    if (v.has(token, kByte) || costs_.back() == kUnusable) continue;
    // Texts are matched by characters, and so are tokens.
    texts.push_back(unicode::canonical(v.texts[token]));
    keys.push_back({texts.back(), token});
  }
  for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte)
    if (byte_tokens_[byte] == 0)
      fail("tokenizer.ggml.tokens lacks the byte token <0x{:02X}>, or it has the id 0", byte);
  tokens_ = ByteTrie(std::move(keys));
}

void Plamo2Model::encode(std::string_view text, std::vector<TokenId>& out) const {
  const std::string canonical = unicode::canonical(text);
  std::string_view all = canonical;
  constexpr std::string_view kByteOrderMark = "\uFEFF";
  if (all.starts_with(kByteOrderMark)) all.remove_prefix(kByteOrderMark.size());

  // By byte; only the first byte of a character is ever the start of a step.
  struct Step {
    std::int64_t cost = 0;  // of the text from here to the end
    std::uint32_t length = 0;
    TokenId token = kNoToken;  // none: a character in bytes
  };
  std::vector<Step> steps(all.size() + 1);
  std::vector<ByteTrie::Match> matches;
  for (std::size_t at = all.size(); at-- > 0;) {
    if ((all[at] & 0xC0) == 0x80) continue;
    matches.clear();
    tokens_.for_each_match(all, at, [&](std::size_t length, TokenId token) {
      matches.push_back({length, token});
    });
    Step best{std::numeric_limits<std::int64_t>::max(), 0, kNoToken};
    const auto offer = [&](std::size_t length, TokenId token, std::int64_t cost) {
      const std::int64_t sum = cost + steps[at + length].cost;
      if (sum < best.cost) best = {sum, static_cast<std::uint32_t>(length), token};
    };
    // Among equal costs the longest token wins.
    for (auto match = matches.rbegin(); match != matches.rend(); ++match)
      offer(match->length, match->value, costs_[match->value]);
    offer(unicode::announced_length(all[at]), kNoToken, kUnknownCost);
    steps[at] = best;
  }
  for (std::size_t at = 0; at < all.size(); at += steps[at].length) {
    if (steps[at].token != kNoToken) {
      out.push_back(steps[at].token);
      continue;
    }
    for (const char byte : all.substr(at, steps[at].length))
      out.push_back(byte_tokens_[static_cast<unsigned char>(byte)]);
  }
}

}  // namespace llm
