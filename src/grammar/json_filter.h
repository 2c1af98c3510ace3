// Keeps a generation inside JSON: exactly one document, then the end of generation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/token_filter.h"
#include "grammar/json_machine.h"
#include "tokenizer/tokenizer.h"

namespace llm::grammar {

/// The bytes of every token, side by side. Made once per vocabulary and shared by all filters.
class TokenTable {
 public:
  explicit TokenTable(const Tokenizer& tokenizer);
  /// For vocabularies without a tokenizer: the bytes of token i, and which tokens end a generation.
  TokenTable(std::span<const std::string> pieces, std::span<const TokenId> end_of_generation);

  int size() const { return static_cast<int>(kinds_.size()); }
  std::string_view bytes(TokenId token) const;
  bool ends_generation(TokenId token) const { return kinds_[token] == Kind::end; }
  /// Whole characters that may stand anywhere in a JSON string.
  bool is_plain_text(TokenId token) const { return kinds_[token] == Kind::plain; }

 private:
  enum class Kind : std::uint8_t { other, plain, end };
  void add(std::string_view piece);

  std::string bytes_;
  std::vector<std::uint32_t> offsets_ = {0};
  std::vector<Kind> kinds_;
};

class JsonFilter final : public TokenFilter {
 public:
  JsonFilter(std::shared_ptr<const TokenTable> tokens, JsonMachine::Root root)
      : tokens_(std::move(tokens)), machine_(root) {}

  bool allows(TokenId token) override;
  /// Should no token at all be allowed (a vocabulary that lacks a byte), ending is.
  void mask(std::span<float> logits) override;
  void accept(TokenId token) override;

 private:
  bool walks(TokenId token) const;

  std::shared_ptr<const TokenTable> tokens_;
  JsonMachine machine_;
};

}  // namespace llm::grammar
