// Special tokens: cutting them out of texts, finding them by name, errors of loading.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "tokenizer/small_vocabulary.h"
#include "tokenizer/special_matcher.h"
#include "tokenizer/vocabulary.h"

namespace llm {
namespace {

using test::SmallVocabulary;
using test::spelled;
using Texts = std::vector<std::string>;

std::string error_of(const SmallVocabulary& v) {
  try {
    v.load();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SpecialTokens, ControlTokensAreTextUnlessParsed) {
  SmallVocabulary v = SmallVocabulary::bpe("gpt-2");
  v.add("<x>", TokenKind::control).add("<u>", TokenKind::user_defined);
  const auto t = v.load();
  EXPECT_EQ(spelled(*t, "a<x><u>"), (Texts{"a", "<", "x", ">", "<u>"}));
  EXPECT_EQ(spelled(*t, "a<x><u>", {.parse_special = true}), (Texts{"a", "<x>", "<u>"}));
  EXPECT_EQ(t->piece(t->find("<x>"), false), "");
  EXPECT_EQ(t->piece(t->find("<x>"), true), "<x>");
  EXPECT_EQ(t->piece(t->find("<u>"), false), "<u>");
  EXPECT_EQ(t->token_kind(t->find("<x>")), TokenKind::control);
}

TEST(SpecialTokens, LongerOnesGoFirstWhereverTheyStand) {
  SmallVocabulary v = SmallVocabulary::bpe("gpt-2");
  v.add("ab", TokenKind::user_defined).add("bcd", TokenKind::user_defined);
  // "ab" comes first in the text, but "bcd" is longer and takes the b.
  EXPECT_EQ(spelled(*v.load(), "abcd"), (Texts{"a", "bcd"}));
}

/// Section by section as the reference does it: token after token over all remaining texts.
struct Piece {
  TokenId token;
  std::string text;
  bool operator==(const Piece&) const = default;
};

std::vector<Piece> plain_cut(const Vocabulary& v, std::vector<TokenId> tokens,
                             const std::string& text) {
  std::sort(tokens.begin(), tokens.end(), [&](TokenId a, TokenId b) {
    return v.texts[a].size() != v.texts[b].size() ? v.texts[a].size() > v.texts[b].size() : a < b;
  });
  const std::string blank = " \t\n\v\f\r";
  std::vector<Piece> pieces = {{kNoToken, text}};
  for (const TokenId token : tokens) {
    std::vector<Piece> next;
    for (const Piece& piece : pieces) {
      std::string rest = piece.text;
      std::size_t at;
      while (piece.token == kNoToken && (at = rest.find(v.texts[token])) != std::string::npos) {
        std::string left = rest.substr(0, at);
        rest = rest.substr(at + v.texts[token].size());
        if (v.has(token, kLeftStrip)) left.erase(left.find_last_not_of(blank) + 1);
        if (v.has(token, kRightStrip))
          rest.erase(0, std::min(rest.find_first_not_of(blank), rest.size()));
        if (!left.empty()) next.push_back({kNoToken, left});
        next.push_back({token, ""});
      }
      if (piece.token != kNoToken)
        next.push_back(piece);
      else if (!rest.empty())
        next.push_back({kNoToken, rest});
    }
    pieces = next;
  }
  return pieces;
}

TEST(SpecialTokens, OneWalkFindsWhatTheReferenceFinds) {
  std::mt19937 generator(3);
  const auto random_text = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += "ab \n"[generator() % 4];
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    Vocabulary v;
    std::set<std::string> known;
    for (int i = 0; i < 12; ++i) known.insert(random_text(1 + generator() % 4));
    v.texts.assign(known.begin(), known.end());
    std::shuffle(v.texts.begin(), v.texts.end(), generator);
    std::vector<TokenId> tokens;
    for (std::size_t i = 0; i < v.texts.size(); ++i) {
      std::uint16_t attributes = kUserDefined;
      if (generator() % 4 == 0) attributes |= kLeftStrip;
      if (generator() % 4 == 0) attributes |= kRightStrip;
      v.attributes.push_back(attributes);
      if (generator() % 3) tokens.push_back(static_cast<TokenId>(i));
    }
    const SpecialMatcher matcher(v, tokens);
    for (int k = 0; k < 20; ++k) {
      const std::string text = random_text(generator() % 40);
      std::vector<Piece> pieces;
      for (const Fragment& f : matcher.cut(text, true))
        pieces.push_back({f.token, std::string(f.text)});
      if (text.empty()) {
        EXPECT_TRUE(pieces.empty());
      } else {
        ASSERT_EQ(pieces, plain_cut(v, tokens, text)) << text;
      }
    }
  }
}

TEST(SpecialTokens, ManyOfThemDoNotSlowLongTexts) {
  SmallVocabulary v = SmallVocabulary::bpe("gpt-2");
  for (int i = 0; i < 5000; ++i) v.add(fmt::format("<|special_{}|>", i), TokenKind::control);
  const auto t = v.load();
  const std::string text(1'000'000, '<');
  EXPECT_EQ(t->encode(text, {.parse_special = true}).size(), text.size());
}

TEST(SpecialTokens, StripWhiteSpaceForModelsOfThatName) {
  SmallVocabulary v = SmallVocabulary::spm();
  v.add("<|end|>", TokenKind::control).add("▁");
  v.metadata.set("general.name", {std::string("My Phi-3 mini")});
  const auto t = v.load();
  EXPECT_EQ(t->encode("<|end|>  \n", {.parse_special = true}).size(), 1u);
  EXPECT_GT(t->encode("<s>  ", {.parse_special = true}).size(), 1u) << "<s> is an exception";
}

TEST(SpecialTokens, EndsAndFillInTokensAreFoundByName) {
  SmallVocabulary v = SmallVocabulary::bpe("gpt-2");
  v.add("<|im_end|>").add("<|endoftext|>", TokenKind::control).add("<|fim_prefix|>");
  v.add("<|fim_pad|>", TokenKind::control);
  const auto t = v.load();
  EXPECT_EQ(t->special().eot, t->find("<|im_end|>"));
  EXPECT_EQ(t->special().fim_pre, t->find("<|fim_prefix|>"));
  EXPECT_EQ(t->token_kind(t->find("<|im_end|>")), TokenKind::control) << "became one";
  for (const char* text : {"<|im_end|>", "<|endoftext|>", "<|fim_pad|>"})
    EXPECT_TRUE(t->is_end_of_generation(t->find(text))) << text;
  EXPECT_FALSE(t->is_end_of_generation(t->find("<|fim_prefix|>")));
  EXPECT_EQ(t->special().bos, 11) << "the default of this kind";
}

TEST(SpecialTokens, AnInnerEndDoesNotEndHarmonyConversations) {
  SmallVocabulary v = SmallVocabulary::bpe("gpt-4o");
  for (const char* text : {"<|return|>", "<|call|>", "<|end|>", "<|message|>"})
    v.add(text, TokenKind::control);
  v.set("eos_token_id", {std::uint32_t{256}});
  const auto t = v.load();
  EXPECT_FALSE(t->is_end_of_generation(t->find("<|end|>")));
  EXPECT_TRUE(t->is_end_of_generation(t->find("<|return|>")));
  EXPECT_EQ(t->piece(t->find("<|message|>"), false), "<|message|>") << "user defined";
}

TEST(Loading, IdKeysOutsideTheVocabularyAreIgnored) {
  SmallVocabulary v = SmallVocabulary::spm();
  v.set("eos_token_id", {std::uint32_t{999999}}).set("bos_token_id", {std::uint32_t{0}});
  const auto t = v.load();
  EXPECT_EQ(t->special().eos, 2);
  EXPECT_EQ(t->special().bos, 0);
}

TEST(Loading, ErrorsNameTheKey) {
  using gguf::Array;
  using gguf::ValueType;
  EXPECT_NE(error_of(SmallVocabulary::of_kind("sandscript")).find("unknown tokenizer"),
            std::string::npos);
  EXPECT_NE(error_of(SmallVocabulary::bpe("gtp-2")).find("unknown pre-tokenizer type 'gtp-2'"),
            std::string::npos);
  SmallVocabulary twice = SmallVocabulary::spm();
  twice.add("a").add("a");
  EXPECT_NE(error_of(twice).find("'a' twice"), std::string::npos);
  SmallVocabulary short_scores = SmallVocabulary::spm();
  short_scores.scores.pop_back();
  EXPECT_NE(error_of(short_scores).find("tokenizer.ggml.scores"), std::string::npos);
  SmallVocabulary short_types = SmallVocabulary::spm();
  short_types.kinds.pop_back();
  EXPECT_NE(error_of(short_types).find("tokenizer.ggml.token_type"), std::string::npos);

  gguf::Metadata no_merges = SmallVocabulary::of_kind("gpt2").metadata;
  no_merges.set("tokenizer.ggml.pre", {std::string("gpt-2")});
  no_merges.set("tokenizer.ggml.tokens", {Array{ValueType::string, Texts{"a"}}});
  try {
    Tokenizer::load(no_merges);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("tokenizer.ggml.merges"), std::string::npos);
  }
  EXPECT_THROW(Tokenizer::load(gguf::Metadata()), Error);
}

TEST(Loading, EmptyTextsGetNames) {
  SmallVocabulary v = SmallVocabulary::spm();
  v.add("").add("");
  const auto t = v.load();
  EXPECT_EQ(t->text(t->size() - 1), fmt::format("[EMPTY_{}]", t->size() - 1));
}

TEST(Loading, AModelWithoutVocabularyHasTokensButNoText) {
  gguf::Metadata m;
  m.set("tokenizer.ggml.model", {std::string("none")});
  m.set("general.architecture", {std::string("x")});
  m.set("x.vocab_size", {std::uint32_t{7}});
  const auto t = Tokenizer::load(m);
  EXPECT_EQ(t->kind(), VocabKind::none);
  EXPECT_EQ(t->size(), 7);
  EXPECT_EQ(t->decode(std::vector<TokenId>{1, 2}), "");
  EXPECT_THROW(t->encode("a", {}), Error);
}

TEST(Loading, ANeededBeginTokenThatIsNotThereIsAnErrorOfTheText) {
  SmallVocabulary v = SmallVocabulary::of_kind("gpt2");
  v.metadata.set("tokenizer.ggml.pre", {std::string("llama-bpe")});
  v.add("a");
  EXPECT_THROW(v.load()->encode("a", {.add_special = true}), Error);
}

}  // namespace
}  // namespace llm
