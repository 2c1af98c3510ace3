#include "grammar/json_filter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace llm::grammar {
namespace {

using Root = JsonMachine::Root;

bool accepts(std::string_view text, Root root = Root::object) {
  JsonMachine machine(root);
  for (const char c : text) {
    if (!machine.step(static_cast<std::uint8_t>(c))) return false;
  }
  return machine.is_complete();
}

TEST(JsonMachine, AcceptsWholeObjects) {
  for (const char* text :
       {"{}", " {\n} ", "{\"a\":1}", R"({"a":-0.5e+10,"b":[],"c":[1,[2,{}],"x"]})",
        R"({"s":"\"\\\/\b\f\n\r\t\u00e9"})", "{\"\xC3\xBC\":\"\xF0\x9F\x98\x80\"}",
        R"({"t":true,"f":false,"n":null})", R"({"p":"\ud83d\ude00"})", R"({"":0,"a":1E5})",
        R"({ "a" : [ 1 , 2 ] , "b" : { "c" : 0.0 } })"}) {
    std::string trimmed = text;
    while (trimmed.back() == ' ') trimmed.pop_back();
    EXPECT_TRUE(accepts(trimmed)) << text;
    EXPECT_TRUE(nlohmann::json::accept(trimmed)) << text;
  }
}

TEST(JsonMachine, RefusesEverythingElse) {
  for (const char* text : {"",
                           "[]",
                           "1",
                           "\"a\"",
                           "{",
                           "{]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{a:1}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":.5}",
                           "{\"a\":+1}",
                           "{\"a\":1e}",
                           "{\"a\":--1}",
                           "{\"a\":tru}",
                           "{\"a\":truex}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12g4\"}",
                           "{\"a\":[1 2]}",
                           "{\"a\":[1,]}",
                           "{\"a\":1}}",
                           "{} x",
                           "{}{}",
                           "{\"a\":\"\xC3\"}",
                           "{\"a\":\"\x80\"}",
                           "{\"a\":\"\xC0\x80\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           R"({"a":"\ud83d"})",
                           R"({"a":"\ude00"})",
                           R"({"a":"\ud83d\u0041"})",
                           R"({"a":"\ud83dx"})",
                           "{'a':1}",
                           "{\"a\":NaN}",
                           "{\"a\":1 \"b\":2}"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonMachine, AnyValueMayStandAtTheRootWhenAsked) {
  for (const char* text : {"1", "-0", "1.5e3", "true", "null", "\"x\"", "[]", "[1]", "{}"}) {
    EXPECT_TRUE(accepts(text, Root::value)) << text;
  }
  for (const char* text : {"-", "1.", "tru", "\"", "[", "1 2"}) {
    EXPECT_FALSE(accepts(text, Root::value)) << text;
  }
}

TEST(JsonMachine, WhiteSpaceAndDepthAreBounded) {
  EXPECT_TRUE(accepts("{ }"));
  EXPECT_FALSE(accepts("{  }"));
  EXPECT_TRUE(accepts(" \n{ \n" + std::string(JsonMachine::kMaxIndent, ' ') + "}"));
  EXPECT_FALSE(accepts("{\n" + std::string(JsonMachine::kMaxIndent + 1, ' ') + "}"));
  EXPECT_FALSE(accepts("{\n\n}"));
  EXPECT_TRUE(accepts("{\n  \"a\": 1,\n  \"b\": [\n\t1\n  ]\n}"));
  const int inner = JsonMachine::kMaxDepth - 1;
  EXPECT_TRUE(accepts("{\"a\":" + std::string(inner, '[') + std::string(inner, ']') + "}"));
  EXPECT_FALSE(
      accepts("{\"a\":" + std::string(inner + 1, '[') + std::string(inner + 1, ']') + "}"));
}

TEST(JsonMachine, NumbersStayInTheRangeOfADouble) {
  const std::string digits(JsonMachine::kMaxDigits, '9');
  EXPECT_TRUE(accepts("{\"a\":-" + digits + "." + digits + "e99}"));
  EXPECT_FALSE(accepts("{\"a\":" + digits + "9}"));
  EXPECT_FALSE(accepts("{\"a\":1." + digits + "9}"));
  EXPECT_FALSE(accepts("{\"a\":1e100}"));
}

TEST(JsonMachine, AgreesWithAParserOnMutatedTexts) {
  std::mt19937 random(7);
  const std::string seed = R"({"a":[1,-2.5e3,true,null,{"b":"x\n\u00e9"}],"c":"y"})";
  constexpr std::string_view kBytes = "{}[]\":,\\0123456789.eE+-truefalsn \nu\x01";
  int valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = seed;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      const auto at = random() % text.size();
      if (random() % 2) {
        text[at] = kBytes[random() % kBytes.size()];
      } else {
        text.erase(at, 1);
      }
    }
    if (text.find("  ") != text.npos || text.find("\n\n") != text.npos) continue;
    // The parser takes white space behind the document, the machine does not.
    const bool trailing = !text.empty() && (text.back() == ' ' || text.back() == '\n');
    const bool expected = text.front() == '{' && !trailing && nlohmann::json::accept(text);
    valid += expected;
    ASSERT_EQ(accepts(text), expected) << text;
  }
  EXPECT_GT(valid, 500);
}

/// Single bytes, some longer tokens that cross structure, one end of generation.
std::vector<std::string> vocabulary() {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  for (const char* piece : {" {", "{\"", "\":", "\",", "},", "hello", "\xC3\xBC", " \"", "}}", "",
                            "true", "12", "\\u", "\xF0\x9F\x98", "]}", "<eos>"}) {
    pieces.emplace_back(piece);
  }
  return pieces;
}

TEST(JsonFilter, RandomWalksGiveObjectsAndThenOnlyTheEnd) {
  const auto pieces = vocabulary();
  const auto end = static_cast<TokenId>(pieces.size() - 1);
  const auto table = std::make_shared<const TokenTable>(pieces, std::vector<TokenId>{end});
  std::mt19937 random(11);
  int finished = 0;
  for (int round = 0; round < 300; ++round) {
    JsonFilter filter(table, Root::object);
    std::string text;
    for (int i = 0; i < 400; ++i) {
      std::vector<float> logits(pieces.size() + 3, 1.0f);  // some padding behind the vocabulary
      filter.mask(logits);
      std::vector<TokenId> allowed;
      for (TokenId t = 0; t < static_cast<TokenId>(logits.size()); ++t) {
        const bool open = logits[t] > 0;
        ASSERT_EQ(open, filter.allows(t)) << "token " << t << " behind " << text;
        if (open) allowed.push_back(t);
      }
      ASSERT_FALSE(allowed.empty()) << text;
      // Prefer what closes, or the walks would not come to an end.
      TokenId token = allowed[random() % allowed.size()];
      for (const char closing : {'}', ']', '"'}) {
        if (i > 20 && logits[static_cast<unsigned char>(closing)] > 0) token = closing;
      }
      if (token == end) {
        EXPECT_EQ(allowed, std::vector<TokenId>{end});
        ASSERT_TRUE(nlohmann::json::accept(text)) << text;
        EXPECT_TRUE(nlohmann::json::parse(text).is_object());
        ++finished;
        break;
      }
      filter.accept(token);
      text += pieces[token];
    }
  }
  EXPECT_GT(finished, 250);
}

TEST(JsonFilter, EndingIsAllowedWhenTheVocabularyOffersNothingElse) {
  const std::vector<std::string> pieces = {"a", "<eos>"};
  JsonFilter filter(std::make_shared<const TokenTable>(pieces, std::vector<TokenId>{1}),
                    Root::object);
  std::vector<float> logits = {5, 1};
  filter.mask(logits);
  EXPECT_LT(logits[0], -1e30f);
  EXPECT_EQ(logits[1], 1);
}

}  // namespace
}  // namespace llm::grammar
