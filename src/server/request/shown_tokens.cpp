#include "server/request/shown_tokens.h"

#include <algorithm>

namespace llm::server {
namespace {

void sort_and_shrink(std::vector<TokenId>& tokens) {
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
}

}  // namespace

std::vector<TokenId> tokens_of(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  std::vector<TokenId> tokens;
  for (const std::string& text : texts) {
    const auto ids = tokenizer.encode(text, {.parse_special = true});
    if (ids.size() == 1) tokens.push_back(ids.front());
  }
  sort_and_shrink(tokens);
  return tokens;
}

TokenIds shown_tokens(const Tokenizer& tokenizer, const TokenIds& always,
                      const std::vector<std::string>& texts) {
  if (texts.empty()) return always;
  std::vector<TokenId> tokens = tokens_of(tokenizer, texts);
  if (always) tokens.insert(tokens.end(), always->begin(), always->end());
  sort_and_shrink(tokens);
  return tokens.empty() ? nullptr : std::make_shared<const std::vector<TokenId>>(std::move(tokens));
}

}  // namespace llm::server
