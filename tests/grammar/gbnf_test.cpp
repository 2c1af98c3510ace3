#include "grammar/gbnf.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/json.h"
#include "grammar/grammar.h"
#include "shared_files.h"

namespace llm::grammar {
namespace {

std::shared_ptr<const Grammar> compile_gbnf(std::string_view text, const TokenLookup& token = {}) {
  Expressions expressions;
  const Expr root = add_gbnf(expressions, text, token);
  return compile(expressions, root);
}

bool matches(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  Matcher matcher(grammar);
  return matcher.feed(text) == text.size() && matcher.is_accepting();
}

bool matches(std::string_view grammar, std::string_view text) {
  return matches(compile_gbnf(grammar), text);
}

std::string error_of(std::string_view text) {
  try {
    compile_gbnf(text);
  } catch (const GrammarError& error) {
    return error.what();
  }
  return "";
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

bool reads(const std::shared_ptr<const Grammar>& grammar, const Json& value) {
  if (value.is_string()) return matches(grammar, value.get<std::string>());
  Matcher matcher(grammar);
  for (const Json& token : value.at("tokens")) {
    const auto bytes = from_hex(token.at("bytes_hex").get<std::string>());
    if (!matcher.step_token(token.at("id").get<TokenId>(), bytes)) return false;
  }
  return matcher.is_accepting();
}

TEST(Gbnf, FollowsTheVectors) {
  LLM_NEED_SHARED("vectors/grammar/gbnf.json");
  std::ifstream in(test::shared_dir() / "vectors/grammar/gbnf.json");
  for (const Json& test : Json::parse(in)) {
    SCOPED_TRACE(test.at("id").get<std::string>() + " " + test.at("grammar").get<std::string>());
    std::shared_ptr<const Grammar> grammar;
    std::string error;
    try {
      grammar = compile_gbnf(test.at("grammar").get<std::string>());
    } catch (const GrammarError& failure) {
      error = failure.what();
    }
    if (test.at("valid") == false) {
      EXPECT_NE(error, "");
      EXPECT_NE(error.find("line "), std::string::npos) << error;
      continue;
    }
    ASSERT_EQ(error, "");
    for (const Json& text : test.value("accept", Json::array())) {
      EXPECT_TRUE(reads(grammar, text)) << text;
    }
    for (const Json& text : test.value("reject", Json::array())) {
      EXPECT_FALSE(reads(grammar, text)) << text;
    }
  }
}

TEST(Gbnf, ErrorsNameLineAndColumn) {
  const auto starts = [](const std::string& text, std::string_view start) {
    EXPECT_TRUE(text.starts_with(start)) << text;
  };
  starts(error_of("root ::= \"a\"\nx ::= \"\\d\"\n"), "grammar, line 2, column 8: unknown escape");
  starts(error_of("root ::= \"\xC3\xA9\" missing"), "grammar, line 1, column 14: undefined rule");
  starts(error_of("\r\n\r\nroot ::= )"), "grammar, line 3, column 10: expected the end");
  starts(error_of("root ::= \"a\"\n\nx ::= y\ny ::= \"b\"? x\n"), "grammar, line ");
  starts(error_of("root ::= \"a\"{3,1}"), "grammar, line 1, column 13: at most 1");
  EXPECT_NE(error_of("root ::= \"a\"\n\nx ::= y\ny ::= \"b\"? x\n").find("left recursion"),
            std::string::npos);
}

TEST(Gbnf, LeftRecursionBehindEmptyItemsIsAnError) {
  for (const char* grammar :
       {"root ::= opt root \"a\" | \"b\"\nopt ::= \"x\"?", "root ::= (\"\" [] root)",
        "root ::= root", "root ::= \"x\"* root", "root ::= (a | \"c\")*\na ::= root \"x\"",
        "root ::= \"z\"\nu ::= v*\nv ::= (u \"x\"){3,5}", "root ::= .{0,9} root \"x\""}) {
    EXPECT_NE(error_of(grammar).find("left recursion"), std::string::npos) << grammar;
  }
}

TEST(Gbnf, RepeatsOfEmptyItemsEnd) {
  EXPECT_TRUE(matches("root ::= \"a\"?+", "aaa"));
  EXPECT_TRUE(matches("root ::= (\"a\"? \"b\"?)*", "abba"));
  EXPECT_TRUE(matches("root ::= (\"a\"*)* \"c\"", "aac"));
  EXPECT_TRUE(matches("root ::= (\"a\"?){100}", "aaa"));
  EXPECT_FALSE(matches("root ::= (\"a\"?){3}", "aaaa"));
  EXPECT_TRUE(matches("root ::= x{0,5}\nx ::= \"(\" x \")\" |", "(())()"));
}

TEST(Gbnf, CountsCostNothing) {
  const auto begin = std::chrono::steady_clock::now();
  const auto wide = compile_gbnf("root ::= [a-z]{0,1000000} \"!\"");
  EXPECT_TRUE(matches(wide, std::string(5000, 'q') + "!"));
  const auto exact = compile_gbnf("root ::= (\"a\"{0,300}\"b\"?){300,1000} \".\"");
  EXPECT_TRUE(matches(exact, std::string(400, 'b') + "."));
  EXPECT_TRUE(matches(exact, std::string(400, 'a') + "."));
  const auto ambiguous = compile_gbnf("root ::= (\"a\" | \"aa\"){1000,2000} \".\"");
  EXPECT_TRUE(matches(ambiguous, std::string(1000, 'a') + "."));
  EXPECT_TRUE(matches(ambiguous, std::string(4000, 'a') + "."));
  EXPECT_FALSE(matches(ambiguous, std::string(4001, 'a') + "."));
  EXPECT_FALSE(matches(ambiguous, std::string(999, 'a') + "."));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Gbnf, AmbiguityStaysSmall) {
  const auto begin = std::chrono::steady_clock::now();
  const auto nested = compile_gbnf(
      "root ::= expr\nexpr ::= term | term \"+\" expr\n"
      "term ::= [0-9]+ | \"(\" expr \")\" | \"(\" expr \")\" \"!\"");
  const int depth = 2000;
  EXPECT_TRUE(matches(nested, std::string(depth, '(') + "1" + std::string(depth, ')')));
  const auto many = compile_gbnf("root ::= x{1,}\nx ::= y | y y | \"a\" root\ny ::= \"a\" | \"b\"");
  EXPECT_TRUE(matches(many, std::string(300, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Gbnf, HostileTextsFailFast) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string many(200'000, '(');
  EXPECT_NE(error_of("root ::= " + many), "");
  std::string repeats = "root ::= \"a\"";
  for (int i = 0; i < 50'000; ++i) repeats += i % 2 ? "{2}" : "?";
  EXPECT_EQ(error_of(repeats), "");
  std::string chain;
  for (int i = 0; i < 20'000; ++i) {
    chain += fmt::format("r{} ::= r{}\n", i, i + 1);
  }
  EXPECT_EQ(error_of(chain + "r20000 ::= \"x\"\nroot ::= r0"), "");
  EXPECT_NE(error_of(chain + "r20000 ::= r0\nroot ::= \"a\""), "");
  EXPECT_NE(error_of("root ::= \"a\"{99999999999}"), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Gbnf, TokensAreLookedUpByText) {
  const TokenLookup lookup = [](const std::string& text) -> std::optional<TokenId> {
    if (text == "<think>") return 7;
    return std::nullopt;
  };
  Matcher matcher(compile_gbnf("root ::= <think> !<think> \"x\"", lookup));
  EXPECT_TRUE(matcher.step_token(7, "<think>"));
  Matcher again = matcher;
  EXPECT_FALSE(again.step_token(7, "<think>"));
  EXPECT_TRUE(matcher.step_token(8, "anything"));
  EXPECT_FALSE(matcher.is_accepting());
  EXPECT_TRUE(matcher.step_token(9, "x"));
  EXPECT_TRUE(matcher.is_accepting());
  EXPECT_THROW(compile_gbnf("root ::= <tool>", lookup), GrammarError);
}

}  // namespace
}  // namespace llm::grammar
