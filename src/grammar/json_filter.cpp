#include "grammar/json_filter.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/utf8.h"

namespace llm::grammar {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

bool is_plain(std::string_view piece) {
  const bool bytes_fit = std::all_of(piece.begin(), piece.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  });
  return !piece.empty() && bytes_fit && utf8::is_valid(piece);
}

}  // namespace

TokenTable::TokenTable(const Tokenizer& tokenizer) {
  for (TokenId token = 0; token < tokenizer.size(); ++token) {
    add(tokenizer.piece(token, /*show_special=*/false));
    if (tokenizer.is_end_of_generation(token)) kinds_.back() = Kind::end;
  }
}

TokenTable::TokenTable(std::span<const std::string> pieces,
                       std::span<const TokenId> end_of_generation) {
  for (const std::string& piece : pieces) add(piece);
  for (const TokenId token : end_of_generation) kinds_[token] = Kind::end;
}

void TokenTable::add(std::string_view piece) {
  bytes_ += piece;
  offsets_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  kinds_.push_back(is_plain(piece) ? Kind::plain : Kind::other);
}

std::string_view TokenTable::bytes(TokenId token) const {
  return std::string_view(bytes_).substr(offsets_[token], offsets_[token + 1] - offsets_[token]);
}

bool JsonFilter::walks(TokenId token) const {
  const std::string_view bytes = tokens_->bytes(token);
  if (bytes.empty()) return false;  // would not bring the document forward
  JsonMachine machine = machine_;
  return std::all_of(bytes.begin(), bytes.end(),
                     [&](char c) { return machine.step(static_cast<std::uint8_t>(c)); });
}

bool JsonFilter::allows(TokenId token) {
  if (token < 0 || token >= tokens_->size()) return false;
  if (tokens_->ends_generation(token)) return machine_.is_complete();
  return walks(token);
}

void JsonFilter::mask(std::span<float> logits) {
  std::array<bool, 256> may_begin;
  for (int byte = 0; byte < 256; ++byte) {
    JsonMachine machine = machine_;
    may_begin[byte] = machine.step(static_cast<std::uint8_t>(byte));
  }
  const auto count = std::min<std::size_t>(logits.size(), tokens_->size());
  const bool may_end = machine_.is_complete(), in_string = machine_.in_string();
  bool any = may_end;
  std::vector<TokenId> ends;
  for (std::size_t i = 0; i < count; ++i) {
    const auto token = static_cast<TokenId>(i);
    if (tokens_->ends_generation(token)) {
      ends.push_back(token);
      continue;
    }
    const std::string_view bytes = tokens_->bytes(token);
    const bool allowed = !bytes.empty() && may_begin[static_cast<std::uint8_t>(bytes[0])] &&
                         ((in_string && tokens_->is_plain_text(token)) || walks(token));
    if (allowed) {
      any = true;
    } else {
      logits[i] = kForbidden;
    }
  }
  std::fill(logits.begin() + count, logits.end(), kForbidden);
  if (!may_end && any) {
    for (const TokenId token : ends) logits[token] = kForbidden;
  }
}

void JsonFilter::accept(TokenId token) {
  if (token < 0 || token >= tokens_->size()) return;
  for (const char c : tokens_->bytes(token)) machine_.step(static_cast<std::uint8_t>(c));
}

}  // namespace llm::grammar
