#include "server/request/prompt.h"

#include <algorithm>

#include "base/error.h"
#include "tokenizer/tokenizer.h"

namespace llm::server {
namespace {

[[noreturn]] void bad_shape() {
  bad_field("prompt",
            "\"prompt\" elements must be a string, a list of tokens, a JSON object containing a "
            "prompt string, or a list of mixed strings & tokens.");
}

bool is_token(const Json& value) {
  return value.is_number_integer();
}

TokenId token_of(const Json& value) {
  const auto id = value.get<std::int64_t>();
  const bool fits = id >= 0 && id <= INT32_MAX;
  return fits ? static_cast<TokenId>(id) : kNoToken;  // refused by encode_prompt
}

PromptParts parse_object_prompt(const Json& prompt) {
  if (prompt.contains("multimodal_data")) {
    bad_field("prompt",
              "Multimodal data provided, but model does not support multimodal requests.");
  }
  const auto text = prompt.find("prompt_string");
  if (text == prompt.end() || !text->is_string()) bad_shape();
  return {text->get<std::string>()};
}

/// A list that holds at least one token, or only texts when `prompt` is an element of a list.
PromptParts parse_list(const Json& prompt) {
  PromptParts parts;
  for (const Json& item : prompt) {
    if (is_token(item)) {
      parts.emplace_back(token_of(item));
    } else if (item.is_string()) {
      parts.emplace_back(item.get<std::string>());
    } else {
      bad_shape();
    }
  }
  return parts;
}

PromptParts parse_one(const Json& prompt) {
  if (prompt.is_string()) return {prompt.get<std::string>()};
  if (prompt.is_object()) return parse_object_prompt(prompt);
  if (prompt.is_array() && !prompt.empty()) return parse_list(prompt);
  bad_shape();
}

}  // namespace

std::vector<PromptParts> parse_prompts(const Json& prompt) {
  const bool several = prompt.is_array() && std::none_of(prompt.begin(), prompt.end(), is_token);
  if (!several) return {parse_one(prompt)};
  if (prompt.empty()) bad_field("prompt", "\"prompt\" must not be empty");
  std::vector<PromptParts> prompts;
  for (const Json& item : prompt) prompts.push_back(parse_one(item));
  return prompts;
}

std::vector<TokenId> encode_prompt(const PromptParts& parts, const Tokenizer& tokenizer) {
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (const auto* text = std::get_if<std::string>(&parts[i])) {
      const auto more = tokenizer.encode(*text, {.add_special = i == 0, .parse_special = true});
      tokens.insert(tokens.end(), more.begin(), more.end());
      continue;
    }
    const TokenId token = std::get<TokenId>(parts[i]);
    if (!tokenizer.is_valid(token)) bad_field("prompt", "Prompt contains invalid tokens");
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace llm::server
