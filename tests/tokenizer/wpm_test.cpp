#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/error.h"
#include "tokenizer/small_vocabulary.h"

namespace llm {
namespace {

using test::SmallVocabulary;
using test::spelled;
using Texts = std::vector<std::string>;

/// Ids of the special tokens are 0 to 4.
SmallVocabulary wpm(const Texts& texts) {
  SmallVocabulary v = SmallVocabulary::of_kind("bert");
  for (const char* text : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
    v.add(text, TokenKind::control);
  for (const std::string& text : texts) v.add(text);
  return v.set("unknown_token_id", {std::uint32_t{1}})
      .set("bos_token_id", {std::uint32_t{2}})
      .set("seperator_token_id", {std::uint32_t{3}})
      .set("mask_token_id", {std::uint32_t{4}});
}

TEST(Wpm, CutsWordsIntoTheLongestTokens) {
  const auto t = wpm({"▁un", "▁una", "aff", "ff", "able", "▁a", "▁,"}).load();
  EXPECT_EQ(spelled(*t, "unaffable"), (Texts{"▁una", "ff", "able"})) << "greedy, not the best";
  EXPECT_EQ(spelled(*t, "a,a"), (Texts{"▁a", "▁,", "▁a"})) << "punctuation is a word";
  EXPECT_EQ(spelled(*t, "a unx a"), (Texts{"▁a", "[UNK]", "▁a"})) << "unknown as a whole";
}

TEST(Wpm, PutsClassificationAndSeparatorAroundWhateverTheFlagsSay) {
  SmallVocabulary v = wpm({"▁a"});
  v.set("add_bos_token", {false}).set("add_eos_token", {true}).set("add_sep_token", {false});
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "a", {.add_special = true}), (Texts{"[CLS]", "▁a", "[SEP]"}));
  EXPECT_EQ(spelled(*t, "", {.add_special = true}), (Texts{"[CLS]", "[SEP]"}));
  EXPECT_EQ(spelled(*t, "a"), (Texts{"▁a"}));
  EXPECT_EQ(t->special().mask, 4);
}

TEST(Wpm, LowersLettersAndDropsAccentsUnlessToldOtherwise) {
  const Texts texts = {"▁cafe", "▁café", "▁Café", "▁CAFÉ"};
  EXPECT_EQ(spelled(*wpm(texts).load(), "CAFÉ"), (Texts{"▁cafe"}));
  EXPECT_EQ(spelled(*wpm(texts).load(), "Cafe\u0301"), (Texts{"▁cafe"})) << "a combining accent";
  SmallVocabulary keeps = wpm(texts);
  keeps.set("normalizer.strip_accents", {false});
  EXPECT_EQ(spelled(*keeps.load(), "CAFÉ"), (Texts{"▁café"}));
  SmallVocabulary cased = wpm(texts);
  cased.set("normalizer.lowercase", {false});
  EXPECT_EQ(spelled(*cased.load(), "Café CAFÉ"), (Texts{"▁Café", "▁CAFÉ"}))
      << "accents follow the case unless they have a key";
}

TEST(Wpm, DropsControlCharactersAndCutsAtWhiteSpaceAndChinese) {
  const auto t = wpm({"▁ab", "▁a", "▁b", "▁你", "▁好", "▁$", "▁~"}).load();
  EXPECT_EQ(spelled(*t, std::string("a\0\x7F\u200B\uFFFD\xFF"
                                    "b",
                                    11)),
            (Texts{"▁ab"}));
  EXPECT_EQ(spelled(*t, "a\u3000b\tb"), (Texts{"▁a", "▁b", "▁b"}));
  EXPECT_EQ(spelled(*t, "a你好b"), (Texts{"▁a", "▁你", "▁好", "▁b"}));
  EXPECT_EQ(spelled(*t, "a$~b"), (Texts{"▁a", "▁$", "▁~", "▁b"}));
}

TEST(Wpm, DecodesWithSpacesBetweenWordsAndNoneBeforePunctuation) {
  const auto t = wpm({"▁hello", "▁world", "▁!"}).load();
  const auto ids = t->encode("Hello world!", {.add_special = true});
  EXPECT_EQ(t->decode(ids), "[CLS] hello world![SEP]");
  EXPECT_EQ(t->decode(ids, {.remove_special = true, .unparse_special = false}), " hello world!");
}

TEST(Wpm, AnUnknownWordWithoutUnknownTokenIsAnErrorOfTheText) {
  SmallVocabulary v = SmallVocabulary::of_kind("bert");
  v.add("▁a");
  const auto t = v.load();
  EXPECT_EQ(t->encode("a", {}).size(), 1u);
  EXPECT_THROW(t->encode("b", {}), Error);
  EXPECT_THROW(t->encode("a", {.add_special = true}), Error);
}

TEST(Wpm, AgreesWithThePlainAlgorithmOnRandomVocabularies) {
  std::mt19937 generator(9);
  const auto random_word = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += Texts{"a", "b", "ß"}[generator() % 3];
    return text;
  };
  for (int round = 0; round < 50; ++round) {
    Texts texts;
    std::map<std::string, bool> known;
    for (int i = 0; i < 30; ++i) {
      const std::string text = (generator() % 2 ? "▁" : "") + random_word(1 + generator() % 4);
      if (known.try_emplace(text, true).second) texts.push_back(text);
    }
    const auto t = wpm(texts).load();
    for (int k = 0; k < 40; ++k) {
      const std::string word = "▁" + random_word(1 + generator() % 40);
      std::vector<TokenId> expected;
      for (std::size_t at = 0, length = 0; at < word.size(); at += length) {
        for (length = word.size() - at; length > 0; --length)
          if (t->find(word.substr(at, length)) != kNoToken) break;
        if (length == 0) {
          expected = {1};
          break;
        }
        expected.push_back(t->find(word.substr(at, length)));
      }
      EXPECT_EQ(t->encode(word.substr(3), {}), expected) << word;
    }
  }
}

}  // namespace
}  // namespace llm
