// The `prompt` of the raw endpoints: its many shapes, and their tokens.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/token.h"

namespace llm {
class Tokenizer;
}

namespace llm::server {

/// Texts and token ids, concatenated.
using PromptParts = std::vector<std::variant<std::string, TokenId>>;

/// One entry per prompt of the field. Throws RequestError(400).
std::vector<PromptParts> parse_prompts(const Json& prompt);

/// The first text gets the vocabulary's BOS / EOS if it stands first; control tokens are parsed.
/// Throws RequestError(400) for ids outside the vocabulary.
std::vector<TokenId> encode_prompt(const PromptParts& parts, const Tokenizer& tokenizer);

}  // namespace llm::server
