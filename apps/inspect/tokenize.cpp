// llama-inspect tokenize, detokenize: one JSON object per line in, one per line out.
#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "gguf/reader.h"
#include "inspect/command.h"
#include "inspect/json_lines.h"
#include "tokenizer/tokenizer.h"

namespace llm::inspect {
namespace {

std::unique_ptr<Tokenizer> load(const char* command, Arguments arguments) {
  if (arguments.size() != 1) fail("{}: expected one argument, the model file", command);
  return Tokenizer::load(gguf::File::open(arguments[0], {.with_data = false}).metadata());
}

bool flag(const Json& object, const char* name, bool otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_number_integer()) return found->get<int>() != 0;
  fail("{}: expected true or false, got {}", name, found->dump());
}

std::string read_text(const Json& object) {
  if (const auto text = object.find("text"); text != object.end()) {
    if (!text->is_string()) fail("text: expected a string, got {}", text->type_name());
    return text->get<std::string>();
  }
  const auto bytes = object.find("bytes");
  if (bytes == object.end()) fail("expected \"text\" or \"bytes\"");
  if (!bytes->is_array()) fail("bytes: expected an array, got {}", bytes->type_name());
  std::string text;
  for (const Json& byte : *bytes) {
    if (!byte.is_number_integer() || byte < 0 || byte > 255)
      fail("bytes: expected numbers from 0 to 255, got {}", byte.dump());
    text += static_cast<char>(byte.get<int>());
  }
  return text;
}

std::vector<TokenId> read_tokens(const Json& object, const Tokenizer& tokenizer) {
  const char* name = object.contains("tokens") ? "tokens" : "ids";
  const auto list = object.find(name);
  if (list == object.end()) fail("expected \"tokens\" or \"ids\"");
  if (!list->is_array()) fail("{}: expected an array, got {}", name, list->type_name());
  std::vector<TokenId> tokens;
  for (const Json& token : *list) {
    if (!token.is_number_integer() || token < 0 || token >= tokenizer.size())
      fail("{}: expected ids from 0 to {}, got {}", name, tokenizer.size() - 1, token.dump());
    tokens.push_back(token.get<TokenId>());
  }
  return tokens;
}

Json text_or_bytes(const std::string& text) {
  if (utf8::is_valid(text)) return {{"text", text}};
  Json bytes = Json::array();
  for (const char byte : text) bytes.push_back(static_cast<unsigned char>(byte));
  return {{"bytes", std::move(bytes)}};
}

}  // namespace

void tokenize(Arguments arguments) {
  const auto tokenizer = load("tokenize", arguments);
  answer_lines([&](const Json& object) -> Json {
    const EncodeOptions options = {.add_special = flag(object, "add_special", false),
                                   .parse_special = flag(object, "parse_special", false)};
    return {{"ids", tokenizer->encode(read_text(object), options)}};
  });
}

void detokenize(Arguments arguments) {
  const auto tokenizer = load("detokenize", arguments);
  answer_lines([&](const Json& object) {
    const DecodeOptions options = {.remove_special = flag(object, "remove_special", false),
                                   .unparse_special = flag(object, "unparse_special", true)};
    return text_or_bytes(tokenizer->decode(read_tokens(object, *tokenizer), options));
  });
}

}  // namespace llm::inspect
