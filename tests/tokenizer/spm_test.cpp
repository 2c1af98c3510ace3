#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/error.h"
#include "tokenizer/small_vocabulary.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

using test::SmallVocabulary;
using test::spelled;
using Texts = std::vector<std::string>;

SmallVocabulary small_spm() {
  SmallVocabulary v = SmallVocabulary::spm();
  float score = -1;
  for (const char* text : {"▁", "a", "b", "c", "ab", "bc", "▁a", "▁ab", "é"})
    v.add(text, TokenKind::normal, score--);
  return v;
}

TEST(Spm, JoinsTheHighestScoreFirstAndTheLeftmostAmongEquals) {
  const auto t = small_spm().load();
  // "ab" (-5) wins over "bc" (-6), then "▁ab" over "▁a".
  EXPECT_EQ(spelled(*t, "abc"), (Texts{"▁ab", "c"}));
  SmallVocabulary equal = SmallVocabulary::spm();
  for (const char* text : {"▁", "a", "b", "c", "ab", "bc"}) equal.add(text);
  EXPECT_EQ(spelled(*equal.load(), "abc"), (Texts{"▁", "ab", "c"}));
}

TEST(Spm, AddsBeginAndEndAsTheVocabularySays) {
  const auto t = small_spm().load();
  EXPECT_EQ(spelled(*t, "a", {.add_special = true}), (Texts{"<s>", "▁a"}));
  EXPECT_EQ(spelled(*t, "", {.add_special = true}), (Texts{"<s>"}));
  EXPECT_TRUE(t->encode("", {}).empty());
  SmallVocabulary v = small_spm();
  v.set("add_bos_token", {false}).set("add_eos_token", {true});
  EXPECT_EQ(spelled(*v.load(), "a", {.add_special = true}), (Texts{"▁a", "</s>"}));
}

TEST(Spm, FallsBackToBytes) {
  const auto t = small_spm().load();
  EXPECT_EQ(spelled(*t, "x\n"), (Texts{"▁", "<0x78>", "<0x0A>"}));
  EXPECT_EQ(spelled(*t, "ü"), (Texts{"▁", "<0xC3>", "<0xBC>"}));
  EXPECT_EQ(spelled(*t, std::string("\xFF\0", 2)), (Texts{"▁", "<0xFF>", "<0x00>"}));
  EXPECT_EQ(spelled(*t, "\xC3"), (Texts{"▁", "<0xC3>"})) << "half a character at the end";
}

TEST(Spm, RefusesATextThatNeedsAByteWithoutToken) {
  SmallVocabulary v = SmallVocabulary::of_kind("llama");
  v.add("<unk>", TokenKind::unknown).add("<s>", TokenKind::control).add("▁").add("a");
  const auto t = v.load();
  EXPECT_EQ(t->encode("a", {}).size(), 2u);
  EXPECT_THROW(t->encode("b", {}), Error);
}

TEST(Spm, SpacePrefixIsAnOption) {
  SmallVocabulary v = small_spm();
  v.set("add_space_prefix", {false});
  EXPECT_EQ(spelled(*v.load(), "ab"), (Texts{"ab"}));
  EXPECT_EQ(spelled(*small_spm().load(), " ab"), (Texts{"▁", "▁ab"}));
}

TEST(Spm, DecodesWithoutTheSpaceThatEncodingAdded) {
  const auto t = small_spm().load();
  const auto ids = t->encode("ab é", {.add_special = true});
  EXPECT_EQ(t->decode(ids, {.remove_special = true}), " ab é");
  EXPECT_EQ(t->decode(ids), "<s> ab é");
  EXPECT_EQ(t->decode(t->encode("ab é", {})), "ab é");
  EXPECT_EQ(t->decode(ids, {.unparse_special = false}), " ab é") << "<s> was the first token";
}

/// The algorithm as it is defined: one list over the whole text, best pair first.
std::vector<TokenId> plain_spm(const Tokenizer& t, const SmallVocabulary& v, std::string text) {
  std::string escaped = "▁";
  for (const char c : text) escaped += c == ' ' ? std::string("▁") : std::string(1, c);
  std::vector<std::string> symbols;
  for (std::size_t at = 0; at < escaped.size();) {
    const auto length = unicode::announced_length(escaped[at]);
    symbols.push_back(escaped.substr(at, length));
    at += length;
  }
  for (;;) {
    std::size_t best = symbols.size();
    float best_score = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const TokenId token = t.find(symbols[i] + symbols[i + 1]);
      if (token == kNoToken) continue;
      if (best == symbols.size() || v.scores[token] > best_score) {
        best = i;
        best_score = v.scores[token];
      }
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<TokenId> ids;
  for (const std::string& symbol : symbols) {
    if (t.find(symbol) != kNoToken) {
      ids.push_back(t.find(symbol));
    } else {
      for (const char c : symbol)
        ids.push_back(t.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(c))));
    }
  }
  return ids;
}

TEST(Spm, AgreesWithThePlainAlgorithmOnRandomVocabulariesAndTexts) {
  std::mt19937 generator(5);
  const Texts alphabet = {"a", "b", "▁", "é"};
  const auto random_text = [&](std::size_t length, const Texts& letters) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += letters[generator() % letters.size()];
    return text;
  };
  for (int round = 0; round < 60; ++round) {
    SmallVocabulary v = SmallVocabulary::spm();
    std::map<std::string, bool> known;
    // In some rounds tokens reach over spaces, in others they only begin with them.
    const bool inner_spaces = round % 3 == 0;
    for (int i = 0; i < 40; ++i) {
      std::string text = random_text(1 + generator() % 4, alphabet);
      if (!inner_spaces && text.find("▁", 1) != std::string::npos) continue;
      if (!known.try_emplace(text, true).second) continue;
      v.add(text, TokenKind::normal, -static_cast<float>(generator() % 12));
    }
    const auto t = v.load();
    for (int k = 0; k < 30; ++k) {
      // Both loops of the merger: up to 32 symbols and more.
      const std::string text =
          random_text(1 + generator() % (k % 2 ? 30 : 200), {"a", "b", " ", "é", "a", "\xE2"});
      ASSERT_EQ(t->encode(text, {}), plain_spm(*t, v, text)) << text;
    }
  }
}

TEST(Spm, LongRunsTakeLinearTime) {
  SmallVocabulary v = SmallVocabulary::spm();
  for (std::size_t length = 1; length <= 64; length *= 2)
    v.add(std::string(length, 'a'), TokenKind::normal, -static_cast<float>(length));
  v.add("▁").add("▁▁");
  const auto t = v.load();
  EXPECT_GT(t->encode(std::string(1'000'000, 'a'), {}).size(), 10'000u);
  EXPECT_GT(t->encode(std::string(1'000'000, ' '), {}).size(), 10'000u);
}

}  // namespace
}  // namespace llm
