// llama-inspect grammar: grammars and schemas on texts from standard input.
#include "grammar/grammar.h"

#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "inspect/command.h"
#include "inspect/json_lines.h"

namespace llm::inspect {
namespace {

using namespace llm::grammar;

std::shared_ptr<const Grammar> compile_case(const Json& object, Json& warnings) {
  Expressions expressions;
  if (const auto text = object.find("grammar"); text != object.end()) {
    if (!text->is_string()) fail("grammar: expected a string, got {}", text->type_name());
    const Expr root = add_gbnf(expressions, text->get<std::string>());
    return compile(expressions, root);
  }
  const auto schema = object.find("schema");
  if (schema == object.end()) fail("expected \"grammar\" or \"schema\"");
  SchemaOptions options;
  options.strict = object.value("strict", false);
  options.warn = [&](const std::string& warning) { warnings.push_back(warning); };
  const Expr root = add_json_schema(expressions, *schema, options);
  return compile(expressions, root);
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  const auto value = [&](char c) {
    const std::size_t at = std::string_view("0123456789abcdef").find(c);
    if (at == std::string_view::npos) fail("bytes_hex: '{}' is not hexadecimal", hex);
    return static_cast<int>(at);
  };
  if (hex.size() % 2 != 0) fail("bytes_hex: '{}' has an odd number of digits", hex);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(value(hex[i]) * 16 + value(hex[i + 1]));
  }
  return bytes;
}

/// Where reading ended: the beginning of the refused character.
Json text_verdict(const std::shared_ptr<const Grammar>& grammar, const std::string& text) {
  Matcher matcher(grammar);
  std::size_t taken = matcher.feed(text);
  Json verdict = {{"text", text}, {"accepted", taken == text.size() && matcher.is_accepting()}};
  if (taken == text.size()) {
    if (!matcher.is_accepting()) verdict["incomplete"] = true;
    return verdict;
  }
  const auto is_continuation = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  };
  while (taken > 0 && is_continuation(text[taken])) --taken;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < taken; ++i) characters += !is_continuation(text[i]);
  verdict["refused_byte"] = taken;
  verdict["refused_character"] = characters;
  return verdict;
}

Json token_verdict(const std::shared_ptr<const Grammar>& grammar, const Json& tokens) {
  Matcher matcher(grammar);
  Json verdict = {{"tokens", tokens}, {"accepted", false}};
  std::size_t index = 0;
  for (const Json& token : tokens) {
    const std::string bytes = from_hex(token.at("bytes_hex").get<std::string>());
    if (!matcher.step_token(token.at("id").get<TokenId>(), bytes)) {
      verdict["refused_token"] = index;
      return verdict;
    }
    ++index;
  }
  verdict["accepted"] = matcher.is_accepting();
  if (!matcher.is_accepting()) verdict["incomplete"] = true;
  return verdict;
}

Json verdicts(const std::shared_ptr<const Grammar>& grammar, const Json& texts) {
  Json out = Json::array();
  for (const Json& text : texts) {
    out.push_back(text.is_string() ? text_verdict(grammar, text.get<std::string>())
                                   : token_verdict(grammar, text.at("tokens")));
  }
  return out;
}

}  // namespace

void check_grammar(Arguments arguments) {
  if (!arguments.empty()) fail("grammar: expected no arguments, only JSON lines");
  answer_lines([](const Json& object) -> Json {
    Json answer = Json::object();
    if (const auto id = object.find("id"); id != object.end()) answer["id"] = *id;
    Json warnings = Json::array();
    try {
      const std::shared_ptr<const Grammar> grammar = compile_case(object, warnings);
      answer["compiled"] = true;
      for (const char* list : {"accept", "reject", "may", "strings"}) {
        const auto texts = object.find(list);
        if (texts != object.end()) answer[list] = verdicts(grammar, *texts);
      }
      const auto tokens = object.find("tokens");
      if (tokens != object.end()) answer["tokens"] = token_verdict(grammar, *tokens);
    } catch (const GrammarError& error) {
      answer["compiled"] = false;
      answer["error"] = error.what();
    }
    if (!warnings.empty()) answer["warnings"] = warnings;
    return answer;
  });
}

}  // namespace llm::inspect
