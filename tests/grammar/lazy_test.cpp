// Where lazy constraints begin.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/json.h"
#include "grammar/filter.h"
#include "grammar/gbnf.h"
#include "shared_files.h"

namespace llm::grammar {
namespace {

std::shared_ptr<const Grammar> compile_gbnf(std::string_view text) {
  Expressions expressions;
  const Expr root = add_gbnf(expressions, text);
  return compile(expressions, root);
}

/// Tokens by their text, and one end.
struct Tokens {
  std::vector<std::string> texts = {"</s>"};
  std::map<std::string, TokenId> ids;

  TokenId add(const std::string& text) {
    const auto [found, is_new] = ids.try_emplace(text, static_cast<TokenId>(texts.size()));
    if (is_new) texts.push_back(text);
    return found->second;
  }
  std::shared_ptr<const Vocabulary> vocabulary() const {
    return make_vocabulary(texts, std::vector<TokenId>{0});
  }
};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

Constraint lazy_constraint(const Json& test) {
  Constraint constraint;
  constraint.lazy = true;
  for (const Json& trigger : test.at("triggers")) {
    constraint.triggers.push_back(
        {.kind = trigger.at("type") == "word" ? Trigger::Kind::word : Trigger::Kind::pattern,
         .text = trigger.at("value").get<std::string>()});
  }
  if (test.contains("thinking")) {
    constraint.thinking.start = test.at("thinking").at("start").get<std::string>();
    constraint.thinking.ends = test.at("thinking").at("ends").get<std::vector<std::string>>();
    const std::string prompt = test.value("generation_prompt", "");
    constraint.thinking.is_open = prompt.find(constraint.thinking.start) != std::string::npos;
  }
  return constraint;
}

/// Reads the pieces under a grammar that matches exactly `rest`.
bool reads_with(Constraint constraint, const std::vector<std::string>& pieces,
                const std::string& rest, bool& may_end) {
  constraint.grammar = compile_gbnf("root ::= \"" + escaped(rest) + "\" \"~\"");
  Tokens tokens;
  for (const std::string& piece : pieces) tokens.add(piece);
  tokens.add("~");
  const auto filter = make_filter(constraint, tokens.vocabulary());
  for (const std::string& piece : pieces) {
    if (!filter->allows(tokens.add(piece))) return false;
    filter->accept(tokens.add(piece));
  }
  may_end = filter->allows(0);
  return true;
}

TEST(LazyFilter, BeginsWhereTheVectorsSay) {
  LLM_NEED_SHARED("vectors/grammar/lazy_triggers.json");
  std::ifstream in(test::shared_dir() / "vectors/grammar/lazy_triggers.json");
  for (const Json& test : Json::parse(in)) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const auto pieces = test.at("pieces").get<std::vector<std::string>>();
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    const Json& start = test.at("constraint_starts_at");
    bool may_end = false;
    // A grammar of exactly the expected rest reads it, and the end is not allowed before the "~"
    // behind it; one that needs another first character refuses.
    const std::string rest = start.is_null() ? "" : text.substr(start.get<std::size_t>());
    EXPECT_TRUE(reads_with(lazy_constraint(test), pieces, rest, may_end));
    bool unused = false;
    if (start.is_null()) {
      EXPECT_TRUE(reads_with(lazy_constraint(test), pieces, "?", unused));
    } else {
      EXPECT_FALSE(may_end && rest.size() > 0);
      EXPECT_FALSE(reads_with(lazy_constraint(test), pieces, "?" + rest, unused));
      EXPECT_FALSE(reads_with(lazy_constraint(test), pieces, rest.substr(1), unused));
    }
  }
}

TEST(LazyFilter, ATokenWhoseRestIsRefusedIsForbidden) {
  Tokens tokens;
  const TokenId good = tokens.add("\n<f=a"), bad = tokens.add("\n<f=b"), plain = tokens.add("x");
  tokens.add(">");
  Constraint constraint{.grammar = compile_gbnf("root ::= \"<f=a>\""), .lazy = true};
  constraint.triggers.push_back({.text = "<f="});
  const auto filter = make_filter(constraint, tokens.vocabulary());
  EXPECT_TRUE(filter->allows(good));
  EXPECT_FALSE(filter->allows(bad));
  EXPECT_TRUE(filter->allows(plain));
  EXPECT_TRUE(filter->allows(0));
  std::vector<float> logits(tokens.texts.size(), 1.0f);
  filter->mask(logits);
  EXPECT_EQ(logits[good], 1.0f);
  EXPECT_LT(logits[bad], 0.0f);
  EXPECT_EQ(logits[plain], 1.0f);
  EXPECT_EQ(filter->forced_text(), "");
  const auto other = filter->clone();
  filter->accept(good);
  EXPECT_FALSE(filter->allows(plain));
  EXPECT_FALSE(filter->allows(0));
  EXPECT_EQ(filter->forced_text(), ">");
  EXPECT_TRUE(other->allows(plain));
}

TEST(LazyFilter, TokensTriggerByTheirId) {
  Tokens tokens;
  const TokenId call = tokens.add("[CALL]"), x = tokens.add("x"), y = tokens.add("y");
  Constraint constraint{.grammar = compile_gbnf("root ::= (<[1]> | \"[CALL]\") \"y\""),
                        .lazy = true};
  constraint.triggers.push_back({.kind = Trigger::Kind::token, .token = call});
  const auto filter = make_filter(constraint, tokens.vocabulary());
  filter->accept(x);
  EXPECT_TRUE(filter->allows(call));
  filter->accept(call);
  EXPECT_FALSE(filter->allows(x));
  EXPECT_TRUE(filter->allows(y));
  filter->accept(y);
  EXPECT_TRUE(filter->allows(0));
  EXPECT_FALSE(filter->allows(y));
}

TEST(LazyFilter, LongFreeTextIsForgotten) {
  Tokens tokens;
  const TokenId filler = tokens.add("some words "), open = tokens.add("<ca"),
                close = tokens.add("ll>");
  tokens.add("!");
  Constraint constraint{.grammar = compile_gbnf("root ::= \"<call>\" \"!\""), .lazy = true};
  constraint.triggers.push_back({.text = "<call>"});
  constraint.triggers.push_back({.kind = Trigger::Kind::pattern, .text = "^words"});
  const auto filter = make_filter(constraint, tokens.vocabulary());
  for (int i = 0; i < 3000; ++i) filter->accept(filler);
  EXPECT_TRUE(filter->allows(0));
  filter->accept(open);
  filter->accept(close);
  EXPECT_FALSE(filter->allows(0));
  EXPECT_EQ(filter->forced_text(), "!");
}

/// Compares masks with single answers along random free text.
void expect_masks_agree(const Constraint& constraint, const Tokens& tokens, unsigned seed) {
  std::mt19937 random(seed);
  const auto vocabulary = tokens.vocabulary();
  int forbidden = 0;
  for (int walk = 0; walk < 20; ++walk) {
    const auto filter = make_filter(constraint, vocabulary);
    for (int step = 0; step < 12; ++step) {
      std::vector<float> logits(tokens.texts.size(), 1.0f);
      filter->mask(logits);
      std::vector<TokenId> allowed;
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const auto token = static_cast<TokenId>(i);
        ASSERT_EQ(logits[i] == 1.0f, filter->allows(token)) << "'" << tokens.texts[i] << "'";
        if (logits[i] == 1.0f && i != 0) allowed.push_back(token);
        if (logits[i] != 1.0f) ++forbidden;
      }
      if (allowed.empty()) break;
      filter->accept(allowed[random() % allowed.size()]);
    }
  }
  EXPECT_GT(forbidden, 0);
}

TEST(LazyFilter, MasksAgreeWithSingleTokens) {
  Tokens tokens;
  tokens.add("");
  tokens.add(std::string(5000, '<'));  // longer than what is kept of the text
  const std::string letters = "<f=a>t/";
  for (const char a : letters) {
    tokens.add({a});
    for (const char b : letters) {
      tokens.add({a, b});
      for (const char c : letters) tokens.add({a, b, c});
    }
  }
  for (const char* const text : {"<t>", "</t>", "x<f=a", "<f=b", "x</t><f=a>", "<t><f=b"})
    tokens.add(text);
  Constraint constraint{.grammar = compile_gbnf("root ::= \"<f=\" [at]+ \">\" | \"a>\" \"f\"*"),
                        .lazy = true};
  constraint.triggers.push_back({.text = "<f="});
  expect_masks_agree(constraint, tokens, 1);
  constraint.triggers.push_back({.kind = Trigger::Kind::token, .token = tokens.add("f=")});
  constraint.thinking = {.start = "<t>", .ends = {"</t>"}, .is_open = true};
  expect_masks_agree(constraint, tokens, 2);
  constraint.triggers.push_back({.kind = Trigger::Kind::pattern, .text = "t(a>)$"});
  constraint.thinking.is_open = false;
  expect_masks_agree(constraint, tokens, 3);
}

}  // namespace
}  // namespace llm::grammar
