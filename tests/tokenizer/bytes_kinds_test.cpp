// The kinds that can spell every byte: RWKV and PLaMo-2.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/error.h"
#include "tokenizer/rwkv.h"
#include "tokenizer/small_vocabulary.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

using test::SmallVocabulary;
using test::spelled;
using Texts = std::vector<std::string>;

TEST(Rwkv, UnescapesTheTextsOfTokens) {
  EXPECT_EQ(RwkvModel::unescaped("a\\tb\\n\\r\\\\\\'"), "a\tb\n\r\\'");
  EXPECT_EQ(RwkvModel::unescaped("\\x00\\xfF"), std::string("\0\xFF", 2));
  EXPECT_EQ(RwkvModel::unescaped("\\xg0"), "xg0");
  EXPECT_EQ(RwkvModel::unescaped("\\x1"), "x1");
  EXPECT_EQ(RwkvModel::unescaped("a\\"), "a");
}

SmallVocabulary rwkv() {
  SmallVocabulary v = SmallVocabulary::of_kind("rwkv");
  v.add("<s>", TokenKind::control);
  for (int byte = 0; byte < 256; ++byte) v.add(fmt::format("\\x{:02x}", byte));
  return v;
}

TEST(Rwkv, TakesTheLongestTokenEverywhere) {
  SmallVocabulary v = rwkv();
  v.add("ab").add("abcd").add("\\n\\n").add("\\xe4\\xbd");
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "abcabcd\n\n"), (Texts{"ab", "\\x63", "abcd", "\\n\\n"}));
  EXPECT_EQ(spelled(*t, "你"), (Texts{"\\xe4\\xbd", "\\xa0"}));
  EXPECT_EQ(t->special().newline, 1 + '\n');
}

TEST(Rwkv, AddsNothingAroundTexts) {
  SmallVocabulary v = rwkv();
  v.set("bos_token_id", {std::uint32_t{0}}).set("eos_token_id", {std::uint32_t{0}});
  v.set("add_bos_token", {true}).set("add_eos_token", {true});
  EXPECT_EQ(spelled(*v.load(), "a", {.add_special = true}), (Texts{"\\x61"}));
}

TEST(Rwkv, BytesWithoutTokenAreUnknownOrNothing) {
  SmallVocabulary v = SmallVocabulary::of_kind("rwkv");
  v.add("?", TokenKind::unknown).add("aab");
  EXPECT_TRUE(v.load()->encode("aa", {}).empty());
  v.set("unknown_token_id", {std::uint32_t{0}});
  EXPECT_EQ(spelled(*v.load(), "aaaab"), (Texts{"?", "?", "aab"}));
}

SmallVocabulary plamo2() {
  SmallVocabulary v = SmallVocabulary::of_kind("plamo2");
  for (const char* text : {"<|plamo:unk|>", "<|plamo:bos|>", "<|plamo:eos|>", "<|plamo:pad|>"})
    v.add(text, TokenKind::control, -1e30f);
  for (int byte = 0; byte < 256; ++byte) v.add(fmt::format("<0x{:02X}>", byte), TokenKind::byte);
  return v;
}

TEST(Plamo2, TakesTheCheapestWayAndTheLongestTokenAmongEquals) {
  SmallVocabulary v = plamo2();
  v.add("a", TokenKind::normal, -1).add("b", TokenKind::normal, -1);
  v.add("ab", TokenKind::normal, -3).add("bb", TokenKind::normal, -2);
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "ab"), (Texts{"a", "b"}));
  EXPECT_EQ(spelled(*t, "abb"), (Texts{"a", "bb"}));
  EXPECT_EQ(spelled(*t, "aéb"), (Texts{"a", "<0xC3>", "<0xA9>", "b"}));
  EXPECT_EQ(spelled(*t, "a\xFF"), (Texts{"a", "<0xEF>", "<0xBF>", "<0xBD>"}));
  EXPECT_EQ(spelled(*t, "\uFEFF\uFEFFa", {.add_special = true}),
            (Texts{"<0xEF>", "<0xBB>", "<0xBF>", "a"}));
  EXPECT_EQ(t->encode("\uFEFF", {}), std::vector<TokenId>());
}

TEST(Plamo2, TokensWithoutUsableScoreTakeNoPart) {
  SmallVocabulary v = plamo2();
  v.add("ab", TokenKind::normal, -std::numeric_limits<float>::infinity());
  v.add("abc", TokenKind::normal, std::numeric_limits<float>::quiet_NaN());
  v.add("bc", TokenKind::normal, -2000).add("c", TokenKind::normal, -1999);
  v.add("d", TokenKind::normal, 3e38f);
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "abc"), (Texts{"<0x61>", "<0x62>", "<0x63>"}))
      << "an unknown character is cheaper than a token of score -1999";
  EXPECT_EQ(spelled(*t, "dd"), (Texts{"d", "d"}));
}

TEST(Plamo2, NeedsAllByteTokensAndNoneOfThemFirst) {
  SmallVocabulary lacks = plamo2();
  lacks.texts.back() = "<0xff >";
  EXPECT_THROW(lacks.load(), Error);
  SmallVocabulary first = SmallVocabulary::of_kind("plamo2");
  for (int byte = 0; byte < 256; ++byte)
    first.add(fmt::format("<0x{:02X}>", byte), TokenKind::byte);
  EXPECT_THROW(first.load(), Error);
}

/// Costs by trying all tokens everywhere, from the end.
std::vector<TokenId> plain_plamo2(const Tokenizer& t, const SmallVocabulary& v,
                                  const std::string& text) {
  std::vector<long> costs(text.size() + 1, 0);
  std::vector<std::size_t> lengths(text.size() + 1, 0);
  for (std::size_t at = text.size(); at-- > 0;) {
    if ((text[at] & 0xC0) == 0x80) continue;
    costs[at] = 1L << 60;
    const auto offer = [&](std::size_t length, long cost) {
      if (cost + costs[at + length] >= costs[at]) return;
      costs[at] = cost + costs[at + length];
      lengths[at] = length;
    };
    for (std::size_t length = text.size() - at; length > 0; --length)
      if (const TokenId token = t.find(text.substr(at, length)); token != kNoToken)
        offer(length, -std::lround(v.scores[token] * 10000.0));
    if (costs[at] > 10'000'000 + costs[at + unicode::announced_length(text[at])]) {
      costs[at] = 10'000'000 + costs[at + unicode::announced_length(text[at])];
      lengths[at] = 0;
    }
  }
  std::vector<TokenId> ids;
  for (std::size_t at = 0; at < text.size();) {
    if (lengths[at] > 0) {
      ids.push_back(t.find(text.substr(at, lengths[at])));
      at += lengths[at];
      continue;
    }
    for (auto n = unicode::announced_length(text[at]); n > 0; --n, ++at)
      ids.push_back(t.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(text[at]))));
  }
  return ids;
}

TEST(Plamo2, AgreesWithThePlainAlgorithmOnRandomVocabularies) {
  std::mt19937 generator(21);
  const auto random_text = [&](std::size_t length, const Texts& letters) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += letters[generator() % letters.size()];
    return text;
  };
  for (int round = 0; round < 60; ++round) {
    SmallVocabulary v = plamo2();
    for (int i = 0; i < 25; ++i) {
      const std::string text = random_text(1 + generator() % 4, {"a", "b", "é"});
      if (std::find(v.texts.begin(), v.texts.end(), text) == v.texts.end())
        v.add(text, TokenKind::normal, -static_cast<float>(generator() % 8));
    }
    const auto t = v.load();
    for (int k = 0; k < 30; ++k) {
      const std::string text = random_text(1 + generator() % 50, {"a", "b", "é", "x"});
      ASSERT_EQ(t->encode(text, {}), plain_plamo2(*t, v, text)) << text;
    }
  }
}

}  // namespace
}  // namespace llm
