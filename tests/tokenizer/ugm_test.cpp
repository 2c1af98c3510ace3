#include "tokenizer/ugm.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>

#include "base/error.h"
#include "tokenizer/small_character_map.h"
#include "tokenizer/small_vocabulary.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

using test::SmallCharacterMap;
using test::SmallVocabulary;
using test::spelled;
using Texts = std::vector<std::string>;

SmallVocabulary ugm() {
  SmallVocabulary v = SmallVocabulary::of_kind("t5");
  v.add("<pad>", TokenKind::control).add("</s>", TokenKind::control);
  return v.add("<unk>", TokenKind::unknown);
}

SmallVocabulary& with_map(SmallVocabulary& v, const std::string& blob) {
  return v.set("precompiled_charsmap",
               gguf::array_value(std::vector<std::uint8_t>(blob.begin(), blob.end())));
}

struct Flags {
  bool prefix = false, merge = false;
};

std::string normalized(const std::string& text, Flags flags, const SmallCharacterMap& map = {},
                       const Texts& user_defined = {}) {
  Vocabulary v;
  v.add_space_prefix = flags.prefix;
  v.remove_extra_whitespaces = flags.merge;
  v.texts = user_defined;
  v.scores.resize(v.texts.size());
  v.attributes.assign(v.texts.size(), kUserDefined);
  return UgmModel(v, CharacterMap(map.blob() + '\0')).normalized(text);
}

TEST(UgmNormalizer, PutsMarksForSpaces) {
  const std::string text = "  a  b ";
  EXPECT_EQ(normalized(text, {}), "▁▁a▁▁b▁");
  EXPECT_EQ(normalized(text, {.prefix = true}), "▁▁▁a▁▁b▁") << "before the first word";
  EXPECT_EQ(normalized(text, {.merge = true}), "▁a▁b") << "and a mark before the first";
  EXPECT_EQ(normalized(" ", {.prefix = true, .merge = true}), "");
}

TEST(UgmNormalizer, ReplacesTheLongestEntryAndInvalidBytes) {
  SmallCharacterMap map;
  map.add("ﬁ", "fi").add("a", "A").add("a\u0301", "Á").add("\t", " ").add("\u200B", "");
  EXPECT_EQ(normalized("ﬁa\u0301a\tb", {}, map), "fiÁA▁b");
  EXPECT_EQ(normalized("x\u200By", {}, map), "xy") << "a replacement may be empty";
  EXPECT_EQ(normalized("\xFF\xE2\x82", {}, map), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(normalized(std::string("a\0a", 3), {}, map), std::string("A\0A", 3));
}

TEST(UgmNormalizer, LeavesUserDefinedTextsAndTheirBeginnings) {
  SmallCharacterMap map;
  map.add("a", "A").add("b", "B");
  EXPECT_EQ(normalized("abcab", {}, map, {"abx"}), "abcab");
  EXPECT_EQ(normalized("ba", {}, map, {"abx"}), "Ba");
}

TEST(Ugm, TakesTheBestSumAndTheUnknownWhereNothingFits) {
  SmallVocabulary v = ugm();
  v.add("▁", TokenKind::normal, -3).add("a", TokenKind::normal, -2);
  v.add("ab", TokenKind::normal, -5).add("b", TokenKind::normal, -2);
  v.add("abc", TokenKind::normal, -1).add("c", TokenKind::normal, -2);
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "ab"), (Texts{"a", "b"}));
  EXPECT_EQ(spelled(*t, "abc"), (Texts{"abc"}));
  EXPECT_EQ(spelled(*t, "a你好b"), (Texts{"a", "<unk>", "b"})) << "neighbours become one";
  EXPECT_EQ(spelled(*t, "你 好"), (Texts{"<unk>", "▁", "<unk>"}));
  EXPECT_EQ(spelled(*t, "a", {.add_special = true}), (Texts{"a", "</s>"}));
  EXPECT_EQ(t->special().add_bos, false);
}

TEST(Ugm, NormalisesBeforeItMatches) {
  SmallVocabulary v = ugm();
  v.add("▁A", TokenKind::normal, -1).set("add_space_prefix", {true});
  const auto t = with_map(v, SmallCharacterMap().add("a", "A").blob()).load();
  EXPECT_EQ(spelled(*t, "a"), (Texts{"▁A"}));
  EXPECT_EQ(t->decode(t->encode("a a", {})), "A A");
}

TEST(Ugm, AnUnknownCharacterWithoutUnknownTokenIsAnErrorOfTheText) {
  SmallVocabulary v = SmallVocabulary::of_kind("t5");
  const auto t = v.add("a").load();
  EXPECT_EQ(t->encode("a", {}).size(), 1u);
  EXPECT_THROW(t->encode("b", {}), Error);
}

TEST(Ugm, ScoresThatAreNoNumbersDoNoHarm) {
  SmallVocabulary v = ugm();
  v.add("a", TokenKind::normal, std::numeric_limits<float>::quiet_NaN());
  v.add("b", TokenKind::normal, -std::numeric_limits<float>::infinity());
  v.add("ab", TokenKind::normal, std::numeric_limits<float>::infinity());
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "abab"), (Texts{"ab", "ab"}));
  EXPECT_EQ(spelled(*t, "ba"), (Texts{"b", "a"}));
}

/// The algorithm as it is defined, over the whole text at once. Spaces are marks already.
std::vector<TokenId> plain_ugm(const Tokenizer& t, const SmallVocabulary& v,
                               const std::string& text) {
  struct Place {
    double best = -1e300;
    TokenId token = kNoToken;
    std::size_t from = 0;
  };
  float lowest = 1e30f;
  for (std::size_t i = 0; i < v.texts.size(); ++i)
    if (v.kinds[i] == static_cast<int>(TokenKind::normal)) lowest = std::min(lowest, v.scores[i]);
  std::vector<Place> places(text.size() + 1);
  places[0].best = 0;
  const auto offer = [&](std::size_t from, std::size_t to, TokenId token, double score) {
    if (places[from].best + score > places[to].best)
      places[to] = {places[from].best + score, token, from};
  };
  for (std::size_t at = 0; at < text.size(); at += unicode::announced_length(text[at])) {
    const std::size_t next = at + unicode::announced_length(text[at]);
    bool covered = false;
    for (std::size_t end = at + 1; end <= text.size(); ++end) {
      const TokenId token = t.find(text.substr(at, end - at));
      if (token == kNoToken || token < 3) continue;
      covered |= end == next;
      const bool own = v.kinds[token] == static_cast<int>(TokenKind::user_defined);
      offer(at, end, token, own ? 0.0 : double{v.scores[token]});
    }
    if (!covered) offer(at, next, 2, double{lowest - 10});
  }
  std::vector<TokenId> ids;
  for (std::size_t at = text.size(); at > 0; at = places[at].from)
    if (places[at].token != 2 || ids.empty() || ids.back() != 2) ids.push_back(places[at].token);
  std::reverse(ids.begin(), ids.end());
  return ids;
}

TEST(Ugm, AgreesWithThePlainAlgorithmOnRandomVocabulariesAndTexts) {
  std::mt19937 generator(11);
  const auto random_text = [&](std::size_t length, const Texts& letters) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += letters[generator() % letters.size()];
    return text;
  };
  for (int round = 0; round < 60; ++round) {
    SmallVocabulary v = ugm();
    std::map<std::string, bool> known;
    for (int i = 0; i < 30; ++i) {
      const std::string text = random_text(1 + generator() % 4, {"a", "b", "é", "▁"});
      if (!known.try_emplace(text, true).second) continue;
      const auto kind = generator() % 5 ? TokenKind::normal : TokenKind::unused;
      v.add(text, kind, -static_cast<float>(generator() % 1000) / 100);
    }
    v.add("z", TokenKind::normal, -9);
    const auto t = v.load();
    for (int k = 0; k < 30; ++k) {
      const std::string text = random_text(1 + generator() % 60, {"a", "b", "é", "▁", "z", "x"});
      ASSERT_EQ(t->encode(text, {}), plain_ugm(*t, v, text)) << text;
    }
  }
}

std::string error_of(const std::string& blob) {
  try {
    CharacterMap map(blob);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CharacterMap, RefusesTablesThatLeadOutside) {
  const std::string good = SmallCharacterMap().add("a", "b").add("ab", "c").blob();
  EXPECT_EQ(error_of(good), "");
  EXPECT_EQ(error_of(""), "") << "no table";
  EXPECT_NE(error_of("abc"), "");
  EXPECT_NE(error_of(good.substr(0, good.size() / 2)), "") << "the trie is cut off";
  EXPECT_NE(error_of(good.substr(0, good.size() - 1)), "") << "the last string does not end";
  const auto unit = SmallCharacterMap::little_endian;
  EXPECT_NE(error_of(unit(0) + "x"), "") << "a trie without units";
  EXPECT_NE(error_of(unit(0xFFFFFFFF) + good.substr(4)), "") << "a size beyond the end";
  EXPECT_NE(error_of(unit(4) + unit(0) + std::string(1, '\0')), "") << "no room for 256 bytes";
  EXPECT_NE(error_of(unit(1024) + unit(1u << 20) + std::string(1021, '\0')), "");
  std::string outside = good;
  // Where "a" leads, its value stands: one far beyond the strings.
  const std::size_t value = outside.find(unit(0x80000000));
  ASSERT_NE(value, std::string::npos);
  outside.replace(value, 4, unit(0x80001000));
  EXPECT_NE(error_of(outside).find("precompiled_charsmap"), std::string::npos);
}

TEST(CharacterMap, SpoiledTablesAreRefusedOrHarmless) {
  std::mt19937 generator(2);
  SmallCharacterMap map;
  map.add("a", "b").add("ab", "cc").add("é", "e").add("éa", "");
  const std::string good = map.blob();
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ab\xC3\xA9 \xFF"[generator() % 6];
  int refused = 0, taken = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string blob = good;
    // The units in use are few: spoil near bytes that are not zero.
    for (int k = 0; k < 3; ++k) {
      std::size_t at = generator() % blob.size();
      while (blob[at] == 0) at = (at + 1) % blob.size();
      blob[at - generator() % std::min<std::size_t>(at + 1, 4)] = static_cast<char>(generator());
    }
    SmallVocabulary v = ugm();
    v.add("a").add("b");
    try {
      with_map(v, blob).load()->encode(text, {});
      ++taken;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(taken, 100);
}

TEST(CharacterMap, MustBeAnArrayOfBytes) {
  SmallVocabulary v = ugm();
  v.set("precompiled_charsmap", {std::string("abc")});
  EXPECT_THROW(v.load(), Error);
  const std::string blob = SmallCharacterMap().add("é", "a").blob();
  SmallVocabulary with_sign = ugm();
  with_sign.add("a").set("precompiled_charsmap",
                         gguf::array_value(std::vector<std::int8_t>(blob.begin(), blob.end())));
  EXPECT_EQ(spelled(*with_sign.load(), "é"), (Texts{"a"}));
}

TEST(CharacterMap, CannotFillTheMemory) {
  SmallVocabulary v = ugm();
  v.add("x");
  with_map(v, SmallCharacterMap().add("a", std::string(100'000, 'x')).blob());
  EXPECT_THROW(v.load()->encode(std::string(1000, 'a'), {}), Error);
}

}  // namespace
}  // namespace llm
