// Text to tokens and back, and chats to prompts, without generating anything.
#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "server/chat/prompt.h"
#include "server/endpoints.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {
namespace {

/// Here a body may be any JSON: one that is no object has no fields, as in the reference.
Json parse_checked(std::string_view text, BodyFields fields) {
  Json body = parse_body(text);
  check_types(body, fields);
  return body;
}

bool flag(const Json& body, const std::string& name, bool otherwise) {
  const Json* value = find(body, name);
  return value == nullptr ? otherwise : read_bool(name, *value);
}

TokenId read_token(const std::string& name, const Json& value, const Tokenizer& tokenizer) {
  if (!value.is_number_integer()) wrong_type(name, "number", value);
  const auto id = value.get<std::int64_t>();
  if (id < 0 || id >= tokenizer.size()) {
    bad_field(name, "Field '" + name + "': token id " + std::to_string(id) +
                        " is outside the vocabulary of " + std::to_string(tokenizer.size()) +
                        " tokens");
  }
  return static_cast<TokenId>(id);
}

std::vector<TokenId> encode_content(const Json& content, EncodeOptions options,
                                    const Tokenizer& tokenizer) {
  if (content.is_string()) return tokenizer.encode(content.get<std::string>(), options);
  if (!content.is_array()) wrong_type("content", "string", content);
  std::vector<TokenId> tokens;
  for (const Json& item : content) {
    if (item.is_string()) {
      const auto more = tokenizer.encode(item.get<std::string>(), options);
      tokens.insert(tokens.end(), more.begin(), more.end());
    } else {
      tokens.push_back(read_token("content", item, tokenizer));
    }
    options.add_special = false;  // only in front of the first text
  }
  return tokens;
}

/// A text, or byte values where the piece alone is not valid UTF-8.
Json piece_json(const std::string& piece) {
  if (utf8::is_valid(piece)) return piece;
  Json bytes = Json::array();
  for (const char c : piece) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

}  // namespace

http::Response tokenize(Service& service, const http::Request& request) {
  const Json body = parse_checked(request.body, tokenize_fields());
  const Tokenizer& tokenizer = service.serving().tokenizer;
  const EncodeOptions options{.add_special = flag(body, "add_special", false),
                              .parse_special = flag(body, "parse_special", true)};
  const bool with_pieces = flag(body, "with_pieces", false);
  Json tokens = Json::array();
  if (const Json* content = find(body, "content")) {
    for (const TokenId token : encode_content(*content, options, tokenizer)) {
      if (with_pieces) {
        tokens.push_back({{"id", token}, {"piece", piece_json(tokenizer.piece(token, true))}});
      } else {
        tokens.push_back(token);
      }
    }
  }
  return http::json_response(200, dump({{"tokens", std::move(tokens)}}));
}

http::Response detokenize(Service& service, const http::Request& request) {
  const Json body = parse_checked(request.body, detokenize_fields());
  const Tokenizer& tokenizer = service.serving().tokenizer;
  std::vector<TokenId> tokens;
  if (const Json* list = find(body, "tokens")) {
    if (!list->is_array()) wrong_type("tokens", "array", *list);
    for (const Json& item : *list) tokens.push_back(read_token("tokens", item, tokenizer));
  }
  return http::json_response(200, dump({{"content", utf8::sanitized(tokenizer.decode(tokens))}}));
}

http::Response apply_template(Service& service, const http::Request& request) {
  const ChatPrompt prompt = render_chat(service, parse_object(request.body, chat_fields()));
  return http::json_response(200, dump({{"prompt", prompt.text}}));
}

http::Response count_chat_tokens(Service& service, const http::Request& request) {
  const ChatPrompt prompt = render_chat(service, parse_object(request.body, chat_fields()));
  return http::json_response(
      200, dump({{"input_tokens", prompt.tokens.size()}, {"object", "response.input_tokens"}}));
}

}  // namespace llm::server
