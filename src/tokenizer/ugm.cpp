#include "tokenizer/ugm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

/// So that sums stay finite whatever a file says.
float finite(float score) {
  constexpr float kMost = std::numeric_limits<float>::max();
  return std::isnan(score) ? -kMost : std::clamp(score, -kMost, kMost);
}

/// Takes normalised bytes and puts the marks that stand for spaces.
class SpaceMarker {
 public:
  SpaceMarker(const Vocabulary& vocabulary, std::size_t text_bytes)
      : merges_(vocabulary.remove_extra_whitespaces), prefixes_(vocabulary.add_space_prefix) {
    // NFKC makes at most eleven bytes of one; more is a table made to fill the memory.
    limit_ = 64 * text_bytes + 65536;
    out_.reserve(text_bytes + text_bytes / 2 + 16);
  }

  void add(std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == ' ') {
        in_word_ = false;
        if (!merges_) out_ += kSpaceMark;
        continue;
      }
      if (!in_word_) begin_word();
      out_ += byte;
    }
    if (out_.size() > limit_)
      fail("tokenizer.ggml.precompiled_charsmap makes {} bytes of a short text", out_.size());
  }
  std::string take() { return std::move(out_); }

 private:
  void begin_word() {
    in_word_ = true;
    if (!merges_ && (!prefixes_ || prefixed_)) return;
    out_ += kSpaceMark;
    prefixed_ = true;
  }

  std::string out_;
  std::size_t limit_;
  bool merges_, prefixes_;
  bool in_word_ = false, prefixed_ = false;
};

/// The best ways to every place of a text (Viterbi 1967). Places that no token reaches over are
/// fixed points of every way: what lies before them is written out at once, so that the memory is
/// that of a few words and the sums are those of the whole text.
class Lattice {
 public:
  Lattice(TokenId unknown, std::vector<TokenId>& out) : unknown_(unknown), out_(out) {
    places_.resize(1);
    places_[0].best = 0;
  }

  /// To be called for every place that ways go on from, in order.
  void arrive_at(std::size_t place) {
    here_ = place;
    if (place == reach_ && place > base_) write_out();
  }
  /// A token over the next `length` bytes.
  void offer(std::size_t length, TokenId token, double score) {
    reach_ = std::max(reach_, here_ + length);
    if (places_.size() <= reach_ - base_) places_.resize(reach_ - base_ + 1);
    Place& to = places_[here_ - base_ + length];
    const double sum = places_[here_ - base_].best + score;
    if (sum > to.best) to = {sum, token, static_cast<std::uint32_t>(here_ - base_)};
  }

 private:
  void write_out() {
    way_.clear();
    for (std::size_t at = here_ - base_; at > 0; at = places_[at].from)
      way_.push_back(places_[at].token);
    for (auto token = way_.rbegin(); token != way_.rend(); ++token) {
      // Neighbours that are unknown become one.
      if (*token != unknown_ || last_ != unknown_) out_.push_back(*token);
      last_ = *token;
    }
    const double best = places_[here_ - base_].best;
    base_ = here_;
    places_.assign(1, {});
    places_[0].best = best;
  }

  struct Place {
    double best = -std::numeric_limits<double>::infinity();
    TokenId token = kNoToken;  // the last one of the best way here
    std::uint32_t from = 0;
  };
  TokenId unknown_;
  std::vector<TokenId>& out_;
  std::vector<Place> places_;  // from base_ on
  std::vector<TokenId> way_;
  std::size_t base_ = 0, here_ = 0, reach_ = 0;
  TokenId last_ = kNoToken - 1;  // also not the unknown token of a vocabulary without one
};

}  // namespace

UgmModel::UgmModel(const Vocabulary& v, CharacterMap map) : vocabulary_(v), map_(std::move(map)) {
  std::vector<ByteTrie::Key> tokens, user_defined;
  float lowest = std::numeric_limits<float>::max();
  for (TokenId token = 0; token < v.size(); ++token) {
    const bool is_own = v.has(token, kUserDefined);
    if (v.has(token, kNormal)) lowest = std::min(lowest, finite(v.scores[token]));
    if (v.has(token, kNormal | kUserDefined | kUnused)) tokens.push_back({v.texts[token], token});
    if (is_own) user_defined.push_back({v.texts[token], token});
    scores_.push_back(is_own ? 0.0 : double{finite(v.scores[token])});
  }
  constexpr float kPenalty = 10;
  unknown_score_ = finite(lowest - kPenalty);
  tokens_ = ByteTrie(std::move(tokens));
  user_defined_ = ByteTrie(std::move(user_defined));
}

std::string UgmModel::normalized(std::string_view text) const {
  SpaceMarker marker(vocabulary_, text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t length = user_defined_.walk(text, at); length > 0) {
      marker.add(text.substr(at, length));
      at += length;
    } else if (const CharacterMap::Match match = map_.longest(text, at); match.length > 0) {
      marker.add(match.replacement);
      at += match.length;
    } else {
      const unicode::Decoded d = unicode::decode(text, at);
      const bool is_valid = d.length > 1 || static_cast<unsigned char>(text[at]) < 0x80;
      marker.add(is_valid ? text.substr(at, d.length) : "\uFFFD");
      at += d.length;
    }
  }
  return marker.take();
}

void UgmModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  const std::string all = normalized(text);
  const TokenId unknown = vocabulary_.special.unk;
  const auto before = static_cast<std::ptrdiff_t>(out.size());
  Lattice lattice(unknown, out);
  for (std::size_t at = 0; at < all.size();) {
    lattice.arrive_at(at);
    const std::size_t character = std::min(unicode::announced_length(all[at]), all.size() - at);
    bool is_covered = false;
    tokens_.for_each_match(all, at, [&](std::size_t length, TokenId token) {
      is_covered |= length == character;
      lattice.offer(length, token, scores_[token]);
    });
    if (!is_covered) lattice.offer(character, unknown, unknown_score_);
    at += character;
  }
  lattice.arrive_at(all.size());
  if (unknown == kNoToken && std::find(out.begin() + before, out.end(), kNoToken) != out.end())
    vocabulary_.need_unknown();
}

}  // namespace llm
