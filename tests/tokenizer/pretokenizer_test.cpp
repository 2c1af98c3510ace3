// Word splits whose reason can be read off the expression; the full comparison with the reference
// is in vectors_test.cpp.
#include "tokenizer/pretokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "tokenizer/unicode.h"

namespace llm {
namespace {

using Words = std::vector<std::string>;

Words words(const char* pre, const std::string& text) {
  split::Cuts cuts;
  PreTokenizer::find(pre)->split(text, cuts);
  Words found;
  std::size_t begin = 0;
  for (const std::uint32_t end : cuts) {
    found.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return found;
}

TEST(PreTokenizer, CutsAsTheExpressionSays) {
  EXPECT_EQ(words("gpt-2", "It's  12345 été!?\n x"),
            (Words{"It", "'s", " ", " 12345", " été", "!?", "\n", " x"}));
  EXPECT_EQ(words("llama-bpe", "I'LL pay $12345.\n\n ok"),
            (Words{"I", "'LL", " pay", " $", "123", "45", ".\n\n", " ok"}));
  EXPECT_EQ(words("qwen2", "a12"), (Words{"a", "1", "2"}));
  EXPECT_EQ(words("deepseek-v3", "x.append(1234)~y"),
            (Words{"x", ".append", "(", "123", "4", ")", "~y"}));
  EXPECT_EQ(words("gpt-4o", "camelCaseWORDs's"), (Words{"camel", "Case", "WORDs's"}));
  EXPECT_EQ(words("tekken", "HELLOworld's"), (Words{"HELLOworld", "'s"}));
  EXPECT_EQ(words("tiny_aya", "abc1234"), (Words{"abc", "1", "234"}));
  EXPECT_EQ(words("superbpe", "n 1234567"), (Words{"n ", "1", "234", "567"}));
  EXPECT_EQ(words("jais-2", "       x"), (Words{"    ", "  ", " x"}));
  EXPECT_EQ(words("exaone-moe", "one two three 4"), (Words{"one two three", " ", "4"}));
  EXPECT_EQ(words("kimi-k2", "中文abc's"), (Words{"中文", "abc's"}));
  EXPECT_EQ(words("gemma4", "a b\n\nc"), (Words{"a b", "\n\n", "c"}));
  // Later expressions cut inside what earlier ones matched.
  EXPECT_EQ(words("chameleon", "<sentinel:1>IMGIMGABZcd"),
            (Words{"<", "sentinel", ":", "1", ">", "IMGIMGABZ", "cd"}));
  EXPECT_EQ(words("gpt-2", ""), Words{});
}

TEST(PreTokenizer, EveryNameCutsEveryTextIntoItself) {
  std::mt19937 generator(1);
  const Words alphabet = {"a",      "Z",  " ",   "\n",     "\r",     "\t",         "'", "1",
                          "22",     "é",  "中",  "\u0301", "~",      "!",          "/", "\u00A0",
                          "\u3000", "'s", "'LL", "😀",      "IMGIMG", "<sentinel:", "²"};
  std::set<std::string_view> names;
  for (const PreTokenizer& row : PreTokenizer::all()) {
    for (const std::string_view name : row.names)
      EXPECT_TRUE(names.insert(name).second) << name << " stands in two rows";
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (std::size_t n = 1 + generator() % 20; n > 0; --n)
        text += alphabet[generator() % alphabet.size()];
      split::Cuts cuts;
      row.split(text, cuts);
      ASSERT_FALSE(cuts.empty());
      EXPECT_EQ(cuts.back(), text.size());
      std::uint32_t before = 0;
      for (const std::uint32_t cut : cuts) {
        ASSERT_GT(cut, before) << row.names[0] << ": " << text;
        EXPECT_TRUE(unicode::is_canonical(std::string_view(text).substr(before, cut - before)));
        before = cut;
      }
    }
  }
  EXPECT_GT(names.size(), 70u);
  EXPECT_EQ(PreTokenizer::find("nonsense"), nullptr);
}

TEST(Unicode, KnowsCategoriesCaseAndWhiteSpace) {
  EXPECT_EQ(unicode::category('a'), 'L');
  EXPECT_EQ(unicode::category(U'中'), 'L');
  EXPECT_EQ(unicode::category('~'), 'S');
  EXPECT_EQ(unicode::category(U'\u0301'), 'M');
  EXPECT_EQ(unicode::category(U'²'), 'N');
  EXPECT_EQ(unicode::category(0x10FFFF), 'n');
  EXPECT_EQ(unicode::to_lower(U'Ä'), U'ä');
  EXPECT_EQ(unicode::to_lower('x'), U'x');
  EXPECT_TRUE(unicode::is_white_space(0x3000));
  EXPECT_FALSE(unicode::is_white_space(0x200B));
}

}  // namespace
}  // namespace llm
