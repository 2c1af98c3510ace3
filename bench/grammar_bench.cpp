// Speed of grammars: compiling, the mask over a whole vocabulary, the answer about one token.
//
// usage: grammar_bench VOCABULARY.gguf...
// The texts of all vocabularies' tokens together make one of up to 128 000 tokens.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "gguf/reader.h"
#include "grammar/filter.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "tokenizer/tokenizer.h"

namespace {

using namespace llm;
using namespace llm::grammar;
/// Of this thread alone: other programs on the machine do not count.
struct Clock {
  using time_point = double;  // microseconds
  static time_point now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  }
};

constexpr std::size_t kTokens = 128'000;

double microseconds(Clock::time_point begin, Clock::time_point end) {
  return end - begin;
}

struct Words {
  std::vector<std::string> texts = {"</s>"};
  std::unordered_map<std::string, TokenId> ids;

  void add(const std::string& text) {
    if (text.empty() || texts.size() >= kTokens) return;
    if (ids.try_emplace(text, static_cast<TokenId>(texts.size())).second) texts.push_back(text);
  }
};

Words read_words(int count, char** files) {
  Words words;
  for (int byte = 0; byte < 256; ++byte) words.add(std::string(1, static_cast<char>(byte)));
  for (int i = 0; i < count; ++i) {
    const auto file = gguf::File::open(files[i], {.with_data = false});
    const auto tokenizer = Tokenizer::load(file.metadata());
    for (TokenId token = 0; token < tokenizer->size(); ++token) {
      words.add(tokenizer->piece(token, /*show_special=*/true));
    }
  }
  return words;
}

std::vector<TokenId> longest_tokens(const Words& words, std::string_view text) {
  std::vector<TokenId> tokens;
  while (!text.empty()) {
    std::size_t length = std::min<std::size_t>(text.size(), 32);
    while (length > 1 && !words.ids.contains(std::string(text.substr(0, length)))) --length;
    tokens.push_back(words.ids.at(std::string(text.substr(0, length))));
    text.remove_prefix(length);
  }
  return tokens;
}

void print_times(const char* name, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (const double time : times) sum += time;
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::printf("  %-22s mean %8.2f  p50 %8.2f  p90 %8.2f  p99 %8.2f  worst %8.2f us  (%zu)\n", name,
              sum / static_cast<double>(times.size()), at(0.5), at(0.9), at(0.99), times.back(),
              times.size());
}

template <class Make>
void measure(const char* name, const Words& words,
             const std::shared_ptr<const Vocabulary>& vocabulary, const std::string& text,
             Make make) {
  const auto compile_begin = Clock::now();
  Expressions expressions;
  const Expr root = make(expressions);
  const std::shared_ptr<const Grammar> grammar = compile(expressions, root);
  std::printf("%s: %zu bytes of text, compiled in %.0f us\n", name, text.size(),
              microseconds(compile_begin, Clock::now()));
  const std::vector<TokenId> tokens = longest_tokens(words, text);
  std::vector<float> logits(words.texts.size());
  for (const char* round : {"mask, first generation", "mask, second"}) {
    const auto filter = make_filter({.grammar = grammar}, vocabulary);
    std::vector<double> masks, answers;
    for (const TokenId token : tokens) {
      std::fill(logits.begin(), logits.end(), 1.0f);
      auto begin = Clock::now();
      filter->mask(logits);
      masks.push_back(microseconds(begin, Clock::now()));
      begin = Clock::now();
      const bool is_allowed = filter->allows(token);
      answers.push_back(microseconds(begin, Clock::now()));
      if (!is_allowed || logits[token] != 1.0f) {
        std::printf("  refused: '%s'\n", words.texts[token].c_str());
        return;
      }
      filter->accept(token);
    }
    std::printf("  first mask %.0f us\n", masks[0]);
    print_times(round, masks);
    print_times("one token", answers);
  }
  std::vector<double> answers;
  Expressions again;
  const auto cold = make_filter({.grammar = compile(again, make(again))}, vocabulary);
  for (const TokenId token : tokens) {
    const auto begin = Clock::now();
    cold->allows(token);
    answers.push_back(microseconds(begin, Clock::now()));
    cold->accept(token);
  }
  print_times("one token, new grammar", answers);
  std::printf("  %.1f MB\n", static_cast<double>(grammar->memory()) / 1e6);
}

std::string any_json() {
  std::string text = "{";
  for (int i = 0; i < 40; ++i) {
    if (i > 0) text += ",";
    text += "\n  \"entry_" + std::to_string(i) +
            "\": {\"name\": \"The quick brown fox\", \"tags\": [\"a\", \"fine day\", null], "
            "\"price\": " +
            std::to_string(i * 37) +
            ".25, \"nested\": {\"deep\": [[1, 2], [3, {\"x\": true}]]}, "
            "\"note\": \"Er sagte \\\"\u00e4h\\\" und ging weg.\\n\"}";
  }
  return text + "\n}";
}

Json wide_schema() {
  Json schema = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
  for (int i = 0; i < 60; ++i) {
    Json property;
    switch (i % 6) {
      case 0:
        property = {{"type", "string"}};
        break;
      case 1:
        property = {{"type", "integer"}, {"minimum", 0}, {"maximum", 100000}};
        break;
      case 2:
        property = {{"type", "array"}, {"items", {{"type", "string"}}}};
        break;
      case 3:
        property = {{"enum", {"red", "green", "blue"}}};
        break;
      case 4:
        property = {{"type", "string"}, {"maxLength", 60}};
        break;
      default:
        property = {{"type", "object"},
                    {"properties", {{"x", {{"type", "number"}}}, {"y", {{"type", "boolean"}}}}}};
    }
    schema["properties"]["property_" + std::to_string(i)] = property;
    if (i % 2 == 0) schema["required"].push_back("property_" + std::to_string(i));
  }
  return schema;
}

std::string wide_text() {
  std::string text = "{";
  for (int i = 0; i < 60; ++i) {
    if (i > 0) text += ", ";
    text += "\"property_" + std::to_string(i) + "\": ";
    const char* const values[] = {"\"Some words, and more of them.\"",
                                  "4711",
                                  "[\"first\", \"second one\"]",
                                  "\"green\"",
                                  "\"This string is not longer than sixty.\"",
                                  "{\"x\": -1.5, \"y\": false}"};
    text += values[i % 6];
  }
  return text + "}";
}

constexpr const char* kCode = R"(int find(char *text, int length) {
  int index = 0;
  while (index < length) {
    if (text == 'x' ) {
      return index + 1 * (length - 2);
    } else {
      index = next(index, length, "found it here");
    }
  }
  return 0;
}
)";

std::string language() {
  return "root ::= ws function+\n"
         "function ::= type name \"(\" ws (parameter (\",\" ws parameter)*)? \")\" ws block\n"
         "parameter ::= type name\n"
         "type ::= (\"int\" | \"char\" | \"double\" | \"void\") space \"*\"* ws\n"
         "block ::= \"{\" ws statement* \"}\" ws\n"
         "statement ::= \"if\" ws condition block (\"else\" ws block)? | \"while\" ws condition "
         "block |"
         "\n  \"return\" space ws expression \";\" ws | type name (\"=\" ws expression)? \";\" ws |"
         "\n  name (\"=\" ws expression | \"(\" ws arguments \")\" ws) \";\" ws\n"
         "condition ::= \"(\" ws expression \")\" ws\n"
         "expression ::= operand (operator ws operand)*\n"
         "operator ::= [-+*/<>] | \"==\" | \"!=\" | \"&&\" | \"||\"\n"
         "operand ::= number ws | string ws | name (\"(\" ws arguments \")\" ws)? |"
         "\n  \"(\" ws expression \")\" ws | \"'\" [^'\\n] \"'\" ws\n"
         "arguments ::= (expression (\",\" ws expression)*)?\n"
         "number ::= [0-9]+ (\".\" [0-9]+)?\n"
         "string ::= \"\\\"\" ([^\"\\\\\\n] | \"\\\\\" .)* \"\\\"\"\n"
         "name ::= [a-zA-Z_] [a-zA-Z0-9_]* ws\n"
         "space ::= [ \\t\\n]\n"
         "ws ::= space*\n";
}

/// A grammar that sleeps in free text, with words and with a pattern to wake it.
void measure_sleeping(const Words& words, const std::shared_ptr<const Vocabulary>& vocabulary) {
  Expressions expressions;
  const Expr call =
      expressions.sequence({expressions.literal("<tool_call>\n"), add_json_object(expressions)});
  Constraint constraint{.grammar = compile(expressions, call), .lazy = true};
  constraint.triggers = {{.text = "<tool_call>"}, {.text = "<|tool"}, {.text = "{\"name\""}};
  constraint.thinking = {.start = "<think>", .ends = {"</think>"}};
  for (const char* const name : {"sleeping, words", "sleeping, a pattern"}) {
    const auto filter = make_filter(constraint, vocabulary);
    for (int i = 0; i < 40; ++i) {
      for (const TokenId token : longest_tokens(words, "Some free text < {\n")) {
        filter->accept(token);
      }
    }
    std::vector<double> masks, answers;
    for (int i = 0; i < 5; ++i) {
      std::vector<float> logits(words.texts.size(), 1.0f);
      auto begin = Clock::now();
      filter->mask(logits);
      masks.push_back(microseconds(begin, Clock::now()));
      begin = Clock::now();
      for (std::size_t token = 0; token < logits.size(); ++token) {
        if (filter->allows(static_cast<TokenId>(token)) != (logits[token] == 1.0f)) {
          std::printf("  differs: '%s'\n", words.texts[token].c_str());
        }
      }
      answers.push_back(microseconds(begin, Clock::now()));
    }
    std::printf("%s\n", name);
    print_times("mask", masks);
    print_times("every token asked", answers);
    constraint.triggers.push_back({.kind = Trigger::Kind::pattern, .text = "call:(\\w+\\{)"});
  }
}

void run(int count, char** files) {
  const Words words = read_words(count, files);
  const auto begin = Clock::now();
  const auto vocabulary = make_vocabulary(words.texts, std::vector<TokenId>{0});
  std::printf("%zu tokens, trie built in %.0f ms\n", words.texts.size(),
              microseconds(begin, Clock::now()) / 1000);
  measure("any JSON", words, vocabulary, any_json(),
          [](Expressions& expressions) { return add_json_value(expressions); });
  const Json schema = wide_schema();
  measure("schema of 60 properties", words, vocabulary, wide_text(),
          [&](Expressions& expressions) { return add_json_schema(expressions, schema, {}); });
  std::string code;
  for (int i = 0; i < 10; ++i) code += kCode;
  measure("C-like language", words, vocabulary, code,
          [](Expressions& expressions) { return add_gbnf(expressions, language()); });
  measure_sleeping(words, vocabulary);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: grammar_bench VOCABULARY.gguf...\n");
    return 2;
  }
  try {
    run(argc - 1, argv + 1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "grammar_bench: %s\n", error.what());
    return 1;
  }
}
