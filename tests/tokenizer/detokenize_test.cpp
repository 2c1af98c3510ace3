// From ids to text: streams, cleaned spaces, odd tokens.
#include <gtest/gtest.h>

#include "base/utf8.h"
#include "tokenizer/pieces.h"
#include "tokenizer/small_vocabulary.h"

namespace llm {
namespace {

using test::SmallVocabulary;

std::string cleaned(std::string text) {
  clean_spaces(text);
  return text;
}

TEST(CleanSpaces, DropsSpacesBeforePunctuationAndContractions) {
  EXPECT_EQ(cleaned("a , b ! c ? d ."), "a, b! c? d.");
  EXPECT_EQ(cleaned("it 's we 're I 'm they 've"), "it's we're I'm they've");
  EXPECT_EQ(cleaned("can 't he 'd I 'll"), "can 't he 'd I 'll");
  EXPECT_EQ(cleaned("a ' b"), "a'b");
  EXPECT_EQ(cleaned("a ' ' b"), "a'' b") << "a space counts for one apostrophe only";
  EXPECT_EQ(cleaned(""), "");
  EXPECT_EQ(cleaned(" "), " ");
  EXPECT_EQ(cleaned("  ."), " .");
  EXPECT_EQ(cleaned(" !"), "!") << "the first byte may go, too";
  EXPECT_EQ(cleaned(" ' 's"), "''s");
}

TEST(DetokenizerStream, NeverEndsInHalfACharacter) {
  const auto t = SmallVocabulary::bpe("gpt-2").load();
  DetokenizerStream stream(*t, false);
  const std::string text = "a€b😀";
  std::string seen;
  for (const char c : text) {
    const std::string part = stream.push(static_cast<unsigned char>(c));
    EXPECT_TRUE(utf8::is_valid(part));
    seen += part;
  }
  EXPECT_EQ(seen, text);
  EXPECT_EQ(stream.finish(), "");
}

TEST(DetokenizerStream, ShowsWhatCannotBeCompletedAsReplacement) {
  const auto t = SmallVocabulary::bpe("gpt-2").load();
  DetokenizerStream stream(*t, false);
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.push('x'), "\uFFFDx");
  EXPECT_EQ(stream.push(0xF0), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Pieces, OfOddTokensAreDefined) {
  SmallVocabulary v = SmallVocabulary::spm();
  v.add("<0x", TokenKind::byte).add("gone", TokenKind::unused).add("odd", TokenKind::undefined);
  const auto t = v.load();
  EXPECT_EQ(t->piece(t->find("<0x"), true), "");
  EXPECT_EQ(t->piece(t->find("gone"), true), "");
  EXPECT_EQ(t->piece(t->find("odd"), true), "");
  EXPECT_EQ(t->piece(-1, true), "");
  EXPECT_EQ(t->piece(t->size(), true), "");
  EXPECT_EQ(t->piece(t->find("<0xFF>"), true), "\xFF");
  EXPECT_EQ(t->decode(std::vector<TokenId>{-5, 1 << 30}), "");
}

}  // namespace
}  // namespace llm
