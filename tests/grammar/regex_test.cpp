#include "grammar/regex.h"

#include <gtest/gtest.h>

#include <ctime>

#include "grammar/grammar.h"
#include "grammar/regex/dfa.h"

namespace llm::grammar {
namespace {

bool accepts(const char* pattern, const std::string& text, RegexUse use = RegexUse::plain) {
  Expressions expressions;
  const Expr root = expressions.choice(
      {add_regex(expressions, pattern, use), expressions.literal("of patterns without any text")});
  Matcher matcher(compile(expressions, root));
  return matcher.feed(text) == text.size() && matcher.is_accepting();
}

void expect(const char* pattern, const std::vector<std::string>& accepted,
            const std::vector<std::string>& rejected) {
  const Dfa dfa = regex_dfa(parse_regex(pattern));
  for (const std::string& text : accepted) {
    EXPECT_TRUE(accepts(pattern, text)) << pattern << " " << text;
    EXPECT_TRUE(dfa.matches(text)) << pattern << " " << text;
  }
  for (const std::string& text : rejected) {
    EXPECT_FALSE(accepts(pattern, text)) << pattern << " " << text;
    EXPECT_FALSE(dfa.matches(text)) << pattern << " " << text;
  }
}

TEST(Regex, ReadsTheSyntax) {
  expect("^a.c$",
         {"abc",
          "a\xE2\x82\xAC"
          "c"},
         {"ac", "a\nc", "abcd"});
  expect("^(?:ab|c)*d?$", {"", "abcab", "cd"}, {"a", "dd"});
  expect("^x{2,3}?y{2}z{1,}$", {"xxyyz", "xxxyyzz"}, {"xyyz", "xxyz", "xxyy"});
  expect("^[a-c\\-\\]]+$", {"a-c]"}, {"d", ""});
  expect("^[^\\d\\s]$", {"a", "\xC3\xA9"}, {"1", " ", "\xC2\xA0"});
  expect("^\\x41\\u0042\\u{43}\\u{1F600}$", {"ABC\xF0\x9F\x98\x80"}, {"ABC"});
  expect("^\\uD83D\\uDE00$", {"\xF0\x9F\x98\x80"}, {""});
  expect("^(?<name>\\w+)$", {"a_1"}, {"a-1"});
  expect("^[\\w-.]+$", {"a-.b"}, {"a b"});
  expect("^a{,2}$", {"a{,2}"}, {"aa"});
  expect("^\\p{Lu}\\P{L}\\p{Script=Greek}$", {"A1\xCE\xB1"}, {"a1\xCE\xB1", "AB\xCE\xB1"});
  expect("^\\t\\n\\cA\\0$", {std::string("\t\n\x01\0", 4)}, {"tn"});
}

TEST(Regex, UnderstandsAnchorsAndEdges) {
  expect("b", {"b", "abc"}, {"", "ac"});
  expect("^b", {"b", "bc"}, {"ab"});
  expect("b$", {"b", "ab"}, {"ba"});
  expect("^a$|b", {"a", "xby"}, {"ax", "x"});
  expect("(^a|b)c$", {"ac", "xbc"}, {"xac", "acx"});
  expect("^(a$|b)", {"a", "bx"}, {"ax"});
  expect("\\bcat\\b", {"cat", "a cat!", "cat cat"}, {"cats", "concat"});
  expect("^\\Bx", {}, {"x", "ax"});
  expect("a^b", {}, {"ab", "a^b", ""});
}

TEST(Regex, WritesJsonStringsWithEscapes) {
  EXPECT_TRUE(accepts("^\"\\\\$", "\\\"\\\\", RegexUse::json_string));
  EXPECT_FALSE(accepts("^\"\\\\$", "\"\\", RegexUse::json_string));
  EXPECT_TRUE(accepts("^\\n.$", "\\nx", RegexUse::json_string));
  EXPECT_TRUE(accepts("^.$", "\\u00e9", RegexUse::json_string));
  EXPECT_TRUE(accepts("^[^a]$", "\\u001F", RegexUse::json_string));
  EXPECT_TRUE(accepts("^.$", "\\ud83d\\ude00", RegexUse::json_string));
  EXPECT_FALSE(accepts("^.$", "\\ud83d", RegexUse::json_string));
}

TEST(Regex, NamesThePlaceOfAnError) {
  const auto message = [](const char* pattern) -> std::string {
    try {
      parse_regex(pattern);
      return "";
    } catch (const GrammarError& error) {
      return error.what();
    }
  };
  for (const char* pattern : {"(a", "a)", "[a", "*a", "a**", "\\", "a{3,1}", "[z-a]", "(?<n", "\\q",
                              "\\x4", "\\u{110000}", "\\p{Nope}", "^*", "\xFF"}) {
    EXPECT_NE(message(pattern), "") << pattern;
  }
  EXPECT_NE(message("ab(?=c)").find("character 5: look-ahead"), std::string::npos)
      << message("ab(?=c)");
  EXPECT_NE(message("(?<!a)b").find("look-behind"), std::string::npos);
  EXPECT_NE(message("(a)\\1").find("back-reference"), std::string::npos);
  EXPECT_THROW(parse_regex("(?i:a)"), UnsupportedPattern);
  EXPECT_THROW(parse_regex(std::string(10'000, '(')), GrammarError);
}

TEST(Regex, EndsQuicklyWhateverThePattern) {
  for (const char* pattern :
       {"^(a|b)*a(a|b){60}$", "^((a{0,500}){0,500}){0,500}$", "(x+x+)+y", "^(\\p{L}|\\w)*\\b.{300}",
        "(((((((((a*)*)*)*)*)*)*)*)*)*", "^(.*,){50}P", "[\\s\\S]{1000000}"}) {
    const std::clock_t start = std::clock();
    try {
      Expressions expressions;
      compile(expressions, add_regex(expressions, pattern, RegexUse::json_string));
      regex_dfa(parse_regex(pattern));
    } catch (const GrammarError&) {
      // as good
    }
    const double took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_LT(took, 3) << pattern;
  }
}

TEST(Dfa, IntersectsAndComplements) {
  const Dfa vowels = regex_dfa(parse_regex("^[aeiou]+$"));
  const Dfa short_ones = length_dfa(1, 2);
  const Dfa both = intersection(vowels, short_ones);
  EXPECT_TRUE(both.matches("ae"));
  EXPECT_FALSE(both.matches("aei"));
  EXPECT_FALSE(both.matches("b"));
  const Dfa others = complement(words_dfa({"a", "abc"}));
  EXPECT_TRUE(others.matches("ab"));
  EXPECT_TRUE(others.matches(""));
  EXPECT_FALSE(others.matches("abc"));
  EXPECT_TRUE(intersection(vowels, complement(vowels)).is_empty());
  EXPECT_TRUE(complement(complement(both)).matches("io"));
  EXPECT_FALSE(complement(containing_dfa("</x>")).matches("a<</x>"));
}

}  // namespace
}  // namespace llm::grammar
