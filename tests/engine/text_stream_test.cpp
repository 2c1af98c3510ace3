#include "engine/text_stream.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "engine/byte_tokenizer.h"

namespace llm {
namespace {

struct Result {
  std::string text;
  std::string stop_word;
  bool is_indent_too_small = false;
};

/// Feeds `text` byte by byte, as the worst tokenizer would, and checks every piece on the way.
Result feed(const std::string& text, std::vector<std::string> stops, int min_indent = 0) {
  static const auto tokenizer = test::byte_tokenizer();
  TextStream stream(*tokenizer, false, std::move(stops), min_indent);
  Result result;
  for (const char c : text) {
    const auto step = stream.push(test::kFirstByte + static_cast<unsigned char>(c));
    EXPECT_TRUE(utf8::is_valid(step.text)) << "half a character was shown";
    result.text += step.text;
    if (step.stop_word) {
      result.stop_word = *step.stop_word;
      return result;
    }
    if (step.is_indent_too_small) {
      result.is_indent_too_small = true;
      return result;
    }
  }
  result.text += stream.finish();
  return result;
}

TEST(TextStream, ShowsWholeCharactersOnly) {
  EXPECT_EQ(feed("Gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80!", {}).text,
            "Gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80!");
}

TEST(TextStream, ReplacesBytesThatAreNoCharacter) {
  EXPECT_EQ(feed("a\xFF"
                 "b",
                 {})
                .text,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(feed("cut \xF0\x9F", {}).text, "cut \xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(TextStream, CutsInFrontOfAStopString) {
  const Result result = feed("Hello STOP more", {"STOP"});
  EXPECT_EQ(result.text, "Hello ");
  EXPECT_EQ(result.stop_word, "STOP");
}

TEST(TextStream, TakesTheEarliestOfSeveralStopStrings) {
  EXPECT_EQ(feed("one two three", {"three", "two"}).stop_word, "two");
  EXPECT_EQ(feed("abcd", {"bcd", "abcd"}).stop_word, "abcd");
}

TEST(TextStream, ReleasesWhatOnlyLookedLikeAStopString) {
  const Result result = feed("STO STOO ST", {"STOP"});
  EXPECT_EQ(result.text, "STO STOO ST");
  EXPECT_EQ(result.stop_word, "");
}

TEST(TextStream, FindsAStopStringWhoseBeginningRepeats) {
  EXPECT_EQ(feed("xaaab", {"aab"}).text, "xa");
}

TEST(TextStream, EndsWhereALaterLineIsIndentedTooLittle) {
  const Result result = feed("if x:\n    a()\n    b()\nc()", {}, 4);
  EXPECT_TRUE(result.is_indent_too_small);
  EXPECT_EQ(result.text, "if x:\n    a()\n    b()\n");
  EXPECT_FALSE(feed("  a\n\n    b", {}, 4).is_indent_too_small) << "empty lines do not count";
}

TEST(TextStream, KnowsWhetherALineHasEnded) {
  const auto tokenizer = test::byte_tokenizer();
  TextStream stream(*tokenizer, false, {});
  EXPECT_FALSE(stream.push(test::kFirstByte + 'a').has_newline);
  EXPECT_FALSE(stream.has_new_line());
  EXPECT_TRUE(stream.push(test::kFirstByte + '\n').has_newline);
  EXPECT_TRUE(stream.has_new_line());
}

}  // namespace
}  // namespace llm
