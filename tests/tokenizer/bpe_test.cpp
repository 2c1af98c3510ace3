#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "tokenizer/small_vocabulary.h"

namespace llm {
namespace {

using test::SmallVocabulary;
using test::spelled;
using Texts = std::vector<std::string>;

SmallVocabulary small_bpe(const std::string& pre = "gpt-2") {
  SmallVocabulary v = SmallVocabulary::bpe(pre);
  v.merge("h", "e").merge("l", "l").merge("he", "ll").merge("Ġ", "hell").merge("Ġhell", "o");
  return v;
}

TEST(Bpe, JoinsByRankInsideWords) {
  const auto t = small_bpe().load();
  EXPECT_EQ(spelled(*t, "hello hello"), (Texts{"hell", "o", "Ġhello"}));
  EXPECT_EQ(spelled(*t, "helll"), (Texts{"hell", "l"}));
  EXPECT_EQ(t->decode(t->encode("hello  hello\n", {})), "hello  hello\n");
}

TEST(Bpe, MergesMayGoOverTextsThatAreNoTokens) {
  SmallVocabulary v = SmallVocabulary::bpe("gpt-2");
  v.merges = {"x y", "xy z"};
  v.add("xyz");
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "xyz"), (Texts{"xyz"}));
  EXPECT_EQ(spelled(*t, "xyw"), (Texts{"x", "y", "w"})) << "xy is no token: its bytes";
}

TEST(Bpe, TheFirstOfEqualMergesCountsAndMergesMayBeginWithASpace) {
  SmallVocabulary v = SmallVocabulary::of_kind("gemma4");
  for (const char* text : {"a", "b", "c", "ab", "bc", " a"}) v.add(text);
  v.merges = {"b c", "a b", "b c"};
  EXPECT_EQ(spelled(*v.load(), "abc"), (Texts{"a", "bc"}));
}

TEST(Bpe, WordsThatAreTokensNeedNoMergesWhereTheNameSaysSo) {
  SmallVocabulary v = small_bpe("llama-bpe");
  v.add("word");
  EXPECT_EQ(spelled(*v.load(), "word"), (Texts{"word"}));
  SmallVocabulary other = small_bpe("dbrx");
  other.add("word");
  EXPECT_EQ(spelled(*other.load(), "word"), (Texts{"w", "o", "r", "d"}));
}

TEST(Bpe, InvalidBytesBecomeReplacementCharacters) {
  const auto t = small_bpe().load();
  EXPECT_EQ(t->decode(t->encode("a\xFFz", {})), "a\uFFFDz");
  EXPECT_EQ(t->decode(t->encode("\xC1\x81", {})), "A") << "overlong";
  EXPECT_EQ(t->decode(t->encode("\xF4\x90\x80\x80", {})), "\uFFFD\uFFFD\uFFFD\uFFFD");
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(t->decode(t->encode(with_nul, {})), with_nul);
}

TEST(Bpe, BytesWithoutTokenVanish) {
  SmallVocabulary v = SmallVocabulary::of_kind("gpt2");
  v.metadata.set("tokenizer.ggml.pre", {std::string("gpt-2")});
  v.add("a").add("b");
  EXPECT_EQ(spelled(*v.load(), "abcé"), (Texts{"a", "b"}));
}

/// Joins the pair of lowest rank until there is none, for one word.
Texts plain_bpe(const Texts& merges, Texts symbols) {
  for (;;) {
    std::size_t best = symbols.size(), best_rank = merges.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto rank = static_cast<std::size_t>(
          std::find(merges.begin(), merges.end(), symbols[i] + " " + symbols[i + 1]) -
          merges.begin());
      if (rank < best_rank) best = i, best_rank = rank;
    }
    if (best == symbols.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, AgreesWithThePlainAlgorithmOnRandomMergesAndWords) {
  std::mt19937 generator(8);
  for (int round = 0; round < 60; ++round) {
    SmallVocabulary v = SmallVocabulary::bpe("gpt-2");
    Texts parts = {"a", "b", "c"};
    std::set<std::string> known(parts.begin(), parts.end());
    for (int i = 0; i < 25; ++i) {
      const std::string left = parts[generator() % parts.size()];
      const std::string right = parts[generator() % parts.size()];
      if (known.insert(left + right).second) {
        v.merge(left, right);
        parts.push_back(left + right);
      } else {
        v.merges.push_back(left + " " + right);  // another way to the same text
      }
    }
    const auto t = v.load();
    for (int k = 0; k < 30; ++k) {
      std::string word;
      Texts symbols;
      for (std::size_t n = 1 + generator() % (k % 2 ? 30 : 200); n > 0; --n) {
        word += static_cast<char>('a' + generator() % 3);
        symbols.push_back(word.substr(word.size() - 1));
      }
      ASSERT_EQ(spelled(*t, word), plain_bpe(v.merges, symbols)) << word;
    }
  }
}

TEST(Bpe, LongRunsTakeLinearTimeWithEveryPreTokeniser) {
  for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "deepseek-coder", "deepseek-llm",
                          "deepseek-v3", "tekken", "gpt-4o", "jais-2", "bailingmoe", "exaone-moe",
                          "kimi-k2", "superbpe", "poro-chat", "chameleon", "tiny_aya", "default"}) {
    SmallVocabulary v = small_bpe(pre);
    v.merge("a", "a").merge("aa", "aa").merge("Ġ", "Ġ").merge("ĠĠ", "ĠĠ").merge("A", "A");
    const auto t = v.load();
    constexpr std::size_t kLength = 300'000;
    for (const std::string unit :
         {"a", " ", "A", "1", ".", "\n", " \t", "é", "aA", "Aé", "'", "一"}) {
      std::string text;
      while (text.size() < kLength) text += unit;
      EXPECT_GT(t->encode(text, {}).size(), 1000u) << pre << " " << unit;
      EXPECT_GT(t->encode(text + "x", {}).size(), 1000u) << pre << " " << unit;
    }
  }
}

TEST(Bpe, TheByteAlphabetIsAOneToOneMapping) {
  const ByteAlphabet& alphabet = ByteAlphabet::get();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const auto t = SmallVocabulary::bpe("gpt-2").load();
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < 256; ++id) ids.push_back(id);
  std::string back;
  for (const TokenId id : ids) back += t->piece(id, false);
  EXPECT_EQ(back, all);
  EXPECT_EQ(alphabet.spell(" \n"), "ĠĊ");
  EXPECT_EQ(alphabet.byte_of(U'中'), -1);
}

}  // namespace
}  // namespace llm
