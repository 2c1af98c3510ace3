#include "server/request/shape.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace llm::server {
namespace {

using Kind = Shape::Kind;

Shape read(const char* body, const Shape& otherwise = {}) {
  return read_shape(Json::parse(body), otherwise);
}

std::string refusal(const char* body) {
  try {
    read(body);
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400) << body;
    return error.param + ": " + error.what();
  }
  return "accepted";
}

TEST(Shape, EverySpellingIsRead) {
  EXPECT_EQ(read(R"({"grammar":"root ::= \"a\""})").kind, Kind::gbnf);
  EXPECT_EQ(read(R"({"json_schema":{"type":"array"}})").schema.dump(), R"({"type":"array"})");
  EXPECT_EQ(read(R"({"guided_json":"{\"type\":\"array\"}"})").schema["type"], "array");
  EXPECT_EQ(read(R"({"structured_outputs":{"json":{}}})").kind, Kind::schema);
  EXPECT_EQ(read(R"({"structured_outputs":{"json_object":true}})").schema["type"], "object");
  for (const char* body :
       {R"({"regex":"a+"})", R"({"guided_regex":"a+"})", R"({"structured_outputs":{"regex":"a+"}})",
        R"({"response_format":{"type":"regex","regex":"a+"}})"}) {
    EXPECT_EQ(read(body).kind, Kind::regex) << body;
    EXPECT_EQ(read(body).text, "a+") << body;
  }
  for (const char* body : {R"({"choice":["a","b"]})", R"({"guided_choice":["a","b"]})",
                           R"({"structured_outputs":{"choice":["a","b"]}})",
                           R"({"response_format":{"type":"choice","choice":["a","b"]}})"}) {
    EXPECT_EQ(read(body).choices, (std::vector<std::string>{"a", "b"})) << body;
  }
}

TEST(Shape, ResponseFormats) {
  EXPECT_EQ(read(R"({"response_format":{"type":"text"}})").kind, Kind::none);
  EXPECT_EQ(read(R"({"response_format":{"type":"json_object"}})").schema["type"], "object");
  EXPECT_EQ(read(R"({"response_format":{"type":"json_object","schema":{}}})").schema["type"],
            "object");
  const Shape loose =
      read(R"({"response_format":{"type":"json_schema","json_schema":{"schema":{"const":1}}}})");
  EXPECT_EQ(loose.schema["const"], 1);
  EXPECT_FALSE(loose.strict);
  EXPECT_TRUE(read(R"({"response_format":{"type":"json_schema",
                       "json_schema":{"strict":true,"schema":{}}}})")
                  .strict);
}

TEST(Shape, TheCommandLinesShapeStaysUnlessTheRequestSaysOtherwise) {
  const Shape own{.kind = Kind::gbnf, .field = "--grammar", .text = "root ::= \"x\""};
  EXPECT_EQ(read("{}", own).field, "--grammar");
  EXPECT_EQ(read(R"({"grammar":null})", own).field, "--grammar");
  EXPECT_EQ(read(R"({"grammar":""})", own).kind, Kind::none);
  EXPECT_EQ(read(R"({"response_format":{"type":"text"}})", own).kind, Kind::none);
  EXPECT_EQ(read(R"({"regex":"a"})", own).kind, Kind::regex);
}

TEST(Shape, AGrammarBeatsASchemaAndOtherwiseTwoAreOneTooMany) {
  EXPECT_EQ(read(R"({"grammar":"root ::= \"a\"","json_schema":{}})").kind, Kind::gbnf);
  EXPECT_EQ(read(R"({"grammar":"","json_schema":{}})").kind, Kind::schema);
  EXPECT_EQ(refusal(R"({"regex":"a","choice":["b"]})"), "choice: Cannot use both regex and choice");
  EXPECT_EQ(refusal(R"({"json_schema":{},"response_format":{"type":"json_object"}})"),
            "response_format: Cannot use both json_schema and response_format");
}

TEST(Shape, BadValuesNameTheirField) {
  EXPECT_NE(refusal(R"({"regex":3})").find("regex: Field 'regex'"), std::string::npos);
  EXPECT_NE(refusal(R"({"choice":[]})").find("empty"), std::string::npos);
  EXPECT_NE(refusal(R"({"choice":["a",1]})").find("Field 'choice'"), std::string::npos);
  EXPECT_NE(refusal(R"({"guided_json":"{"})").find("guided_json"), std::string::npos);
  EXPECT_NE(refusal(R"({"response_format":"json"})").find("response_format"), std::string::npos);
  EXPECT_NE(refusal(R"({"response_format":{"type":"regex"}})").find("is missing"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"response_format":{"type":"json_schema"}})").find("json_schema"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"structured_outputs":{"structural_tag":{}}})").find("not supported"),
            std::string::npos);
}

TEST(Triggers, AreReadAndShown) {
  const auto list = triggers_of(Json::parse(
      R"([{"type":1,"value":"<tool>"},{"type":2,"value":"a+"},{"type":3,"value":"b"},
          {"type":0,"value":"<x>","token":7}])"));
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0].kind, grammar::Trigger::Kind::word);
  EXPECT_EQ(list[2].text, "^b$");
  EXPECT_EQ(list[3].token, 7);
  CompletionParams params;
  params.grammar_triggers = {list[0], list[3]};
  EXPECT_EQ(triggers_json(params).dump(),
            R"([{"type":1,"value":"<tool>"},{"type":0,"value":"<x>","token":7}])");
  for (const char* bad : {"{}", "[1]", R"([{"type":1}])", R"([{"type":9,"value":"x"}])",
                          R"([{"type":0,"value":"x"}])"}) {
    EXPECT_THROW(triggers_of(Json::parse(bad)), RequestError) << bad;
  }
}

}  // namespace
}  // namespace llm::server
