// Control tokens whose text a reply shows although control tokens are usually left out: the marks
// by which tool calls and reasoning are recognised.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace llm::server {

using TokenIds = std::shared_ptr<const std::vector<TokenId>>;

/// The tokens that `texts` are, ascending; texts that are not exactly one token are left out.
std::vector<TokenId> tokens_of(const Tokenizer& tokenizer, const std::vector<std::string>& texts);

/// `always` and those of `texts`; null when there are none.
TokenIds shown_tokens(const Tokenizer& tokenizer, const TokenIds& always,
                      const std::vector<std::string>& texts);

}  // namespace llm::server
