// What holds for every kind of vocabulary: no text is too odd, streams give whole characters, and
// kinds that lose nothing give back what they got.
#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "tokenizer/small_vocabulary.h"

namespace llm {
namespace {

using test::SmallVocabulary;

const std::vector<std::string> kTexts = {"a", "ab", "▁a", "▁", "b", "é", "▁你", "n", "▁the"};

SmallVocabulary named(const std::string& kind) {
  if (kind == "llama") return SmallVocabulary::spm();
  if (kind == "gpt2" || kind == "hybriddna")
    return SmallVocabulary::bpe("llama-bpe").set("model", {kind});
  SmallVocabulary v = SmallVocabulary::of_kind(kind);
  v.add("<unk>", TokenKind::unknown).add("<s>", TokenKind::control);
  v.add("</s>", TokenKind::control).add("<mask>", TokenKind::user_defined);
  if (kind == "rwkv")
    for (int byte = 0; byte < 256; ++byte) v.add(fmt::format("\\x{:02x}", byte));
  else
    for (int byte = 0; byte < 256; ++byte) v.add(fmt::format("<0x{:02X}>", byte), TokenKind::byte);
  return v;
}

std::unique_ptr<Tokenizer> tokenizer_of(const std::string& kind) {
  SmallVocabulary v = named(kind);
  const bool gpt2 = kind == "gpt2" || kind == "hybriddna";
  if (!gpt2)
    for (const std::string& text : kTexts) v.add(text, TokenKind::normal, -1);
  if (kind == "whitespace") v.set("pre", {kind});
  v.set("unknown_token_id", {std::uint32_t{0}}).set("bos_token_id", {std::uint32_t{1}});
  v.set("eos_token_id", {std::uint32_t{2}}).set("seperator_token_id", {std::uint32_t{2}});
  return v.load();
}

class AllKinds : public testing::TestWithParam<const char*> {};

std::string random_bytes(std::mt19937& generator, std::size_t length) {
  // Mostly what the vocabularies know, some rubbish.
  const std::vector<std::string> parts = {"a",   "ab", " ",      "é",    "\xE2\x96", "<s>",
                                          "the", "你", "<mask>", "\xC0", "\n",       "\xF4\x90"};
  std::string text;
  while (text.size() < length) {
    if (generator() % 3)
      text += parts[generator() % parts.size()];
    else
      text += static_cast<char>(generator());
  }
  return text;
}

TEST_P(AllKinds, TakeAnyBytes) {
  const auto t = tokenizer_of(GetParam());
  std::mt19937 generator(7);
  for (int round = 0; round < 400; ++round) {
    const std::string text = random_bytes(generator, generator() % 200);
    for (const bool special : {false, true}) {
      const auto ids = t->encode(text, {.add_special = special, .parse_special = special});
      for (const TokenId id : ids) ASSERT_TRUE(t->is_valid(id)) << id;
      ASSERT_EQ(ids, t->encode(text, {.add_special = special, .parse_special = special}));
      t->decode(ids);
      DetokenizerStream stream(*t, special);
      std::string streamed, pieces;
      for (const TokenId id : ids) {
        streamed += stream.push(id);
        pieces += t->piece(id, special);
        ASSERT_TRUE(utf8::is_valid(streamed));
      }
      streamed += stream.finish();
      EXPECT_EQ(streamed, utf8::sanitized(pieces));
    }
  }
}

TEST_P(AllKinds, LongTextsTakeLinearTime) {
  const auto t = tokenizer_of(GetParam());
  for (const char* part : {"a", " ", "é", "<", "1", "\xFF"}) {
    std::string text;
    while (text.size() < 300'000) text += part;
    t->encode(text, {.add_special = true, .parse_special = true});
  }
}

TEST_P(AllKinds, GiveBackWhatTheyGotUnlessTheyNormalise) {
  const std::string kind = GetParam();
  const auto t = tokenizer_of(kind);
  std::mt19937 generator(8);
  const std::vector<std::string> parts = {"a", "ab", " ", "é", "n", "b", " the", "😀", "\n", "1"};
  const bool loses_characters = kind == "bert" || kind == "whitespace";
  const std::size_t usable = kind == "t5" ? 7 : parts.size();
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 20; ++i) text += parts[generator() % usable];
    if (kind == "rwkv") text += random_bytes(generator, 30);
    const std::string back = t->decode(t->encode(text, {}));
    if (loses_characters)
      EXPECT_FALSE(back.empty());
    else
      EXPECT_EQ(back, text);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, AllKinds,
                         testing::Values("llama", "gpt2", "gemma4", "hybriddna", "whitespace",
                                         "bert", "t5", "rwkv", "plamo2"));

}  // namespace
}  // namespace llm
