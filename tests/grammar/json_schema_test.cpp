#include "grammar/json_schema.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "grammar/grammar.h"
#include "shared_files.h"

namespace llm::grammar {
namespace {

class Schema {
 public:
  explicit Schema(const Json& schema, bool strict = false) {
    SchemaOptions options;
    options.strict = strict;
    options.warn = [&](const std::string& warning) { warnings.push_back(warning); };
    Expressions expressions;
    const Expr root = add_json_schema(expressions, schema, options);
    grammar_ = compile(expressions, root);
  }
  explicit Schema(const char* text, bool strict = false) : Schema(Json::parse(text), strict) {}

  bool accepts(const std::string& text) const {
    Matcher matcher(grammar_);
    return matcher.feed(text) == text.size() && matcher.is_accepting();
  }

  std::vector<std::string> warnings;

 private:
  std::shared_ptr<const Grammar> grammar_;
};

void expect(const char* schema, const std::vector<std::string>& accepted,
            const std::vector<std::string>& rejected) {
  try {
    const Schema grammar(schema);
    for (const std::string& text : accepted) EXPECT_TRUE(grammar.accepts(text)) << schema << text;
    for (const std::string& text : rejected) EXPECT_FALSE(grammar.accepts(text)) << schema << text;
  } catch (const GrammarError& error) {
    ADD_FAILURE() << schema << ": " << error.what();
  }
}

std::string refusal(const char* schema, bool strict = false) {
  try {
    const Schema grammar(schema, strict);
    return "";
  } catch (const GrammarError& error) {
    return error.what();
  }
}

TEST(JsonSchema, AgreesWithTheVectors) {
  LLM_NEED_SHARED("vectors/grammar/json_schema.json");
  const auto text = test::read_file(test::shared_dir() / "vectors/grammar/json_schema.json");
  int texts = 0;
  for (const Json& vector : Json::parse(text)) {
    const std::string name = vector["id"].get<std::string>() + " " + vector["name"].dump();
    try {
      const Schema schema(vector["schema"]);
      for (const char* side : {"accept", "reject"}) {
        for (const Json& one : vector[side]) {
          EXPECT_EQ(schema.accepts(one.get<std::string>()), side == std::string("accept"))
              << name << ": " << one;
          ++texts;
        }
      }
    } catch (const GrammarError& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
  EXPECT_GT(texts, 300);
}

TEST(JsonSchema, IntersectsKeywordsThatStandBesideEachOther) {
  expect(R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],
             "oneOf":[{"properties":{"a":{"minimum":5}}},{"properties":{"a":{"maximum":-5}}}]})",
         {R"({"a":5})", R"({"a":-7})"}, {R"({"a":0})", "{}"});
  expect(R"({"$defs":{"s":{"type":"string","minLength":2}},"$ref":"#/$defs/s","maxLength":3})",
         {R"("ab")", R"("abc")"}, {R"("a")", R"("abcd")"});
  expect(R"({"allOf":[{"type":["string","integer"]},{"type":["integer","null"]}],"minimum":3})",
         {"3", "40"}, {"2", "null", R"("x")", "3.5"});
  expect(R"({"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":true}}],
             "required":["b","a"]})",
         {R"({"a":1,"b":[]})"}, {R"({"a":1})", R"({"a":1,"b":2,"c":3})"});
  expect(R"({"allOf":[{"properties":{"a":true},"additionalProperties":false},
                      {"properties":{"b":true}}]})",
         {"{}", R"({"a":1})"}, {R"({"a":1,"b":2})", R"({"b":2})"});
  expect(R"({"enum":["a","bb","ccc",1,20],"minLength":2,"maximum":10})",
         {R"("bb")", R"("ccc")", "1"}, {R"("a")", "20"});
  EXPECT_NE(refusal(R"({"type":"string","enum":[1]})"), "");
  EXPECT_NE(refusal(R"({"allOf":[{"type":"string"},{"type":"null"}]})"), "");
}

TEST(JsonSchema, FollowsReferencesOfEveryKind) {
  expect(R"({"$defs":{"x y":{"type":"null"},"a%b":{"const":1}},
             "anyOf":[{"$ref":"#/$defs/x%20y"},{"$ref":"#/$defs/a%25b"}]})",
         {"null", "1"}, {"2"});
  expect(R"({"$defs":{"n":{"$anchor":"num","type":"integer"}},"items":{"$ref":"#num"}})", {"[1,2]"},
         {R"(["a"])"});
  expect(R"({"$id":"https://example.com/root.json","$defs":{"n":{"$id":"item.json","const":7}},
             "items":{"$ref":"item.json"}})",
         {"[7]"}, {"[8]"});
  expect(R"({"definitions":{"n":{"$id":"#n","const":7}},"items":{"$ref":"#n"}})", {"[7]"}, {"[8]"});
  expect(R"({"properties":{"a":{"items":[{"const":1},{"const":2}]},
             "b":{"$ref":"#/properties/a/items/1"}}})",
         {R"({"b":2})"}, {R"({"b":1})"});
  EXPECT_NE(refusal(R"({"$ref":"https://example.com/other.json"})").find("$ref"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"properties":{"a":{"$ref":"#/nowhere"}}})").find("/properties/a"),
            std::string::npos);
  // References that only lead in circles ask for nothing.
  expect(R"({"$ref":"#"})", {"1", "{}"}, {"{"});
  // An object that has to contain itself has no end.
  EXPECT_NE(refusal(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"), "");
}

TEST(JsonSchema, BoundsNumbersExactly) {
  expect(R"({"type":"number","exclusiveMinimum":0.1,"maximum":12.05})",
         {"0.11", "0.100001", "1", "12", "12.05", "12.050", "9.9"},
         {"0.1", "0.10", "0", "12.051", "12.06", "13", "-1", "120"});
  expect(R"({"type":"number","minimum":-1.5,"exclusiveMaximum":1})",
         {"-1.5", "-1.49", "0", "0.999", "-0.25"}, {"-1.51", "1", "1.0", "-2", "1.5"});
  expect(R"({"type":"integer","minimum":0.5,"maximum":9.99})", {"1", "9"}, {"0", "10"});
  expect(R"({"type":"integer","minimum":9223372036854775800,"maximum":9223372036854775807})",
         {"9223372036854775807"}, {"9223372036854775808", "1"});
  expect(R"({"type":"integer","minimum":-1000,"maximum":-1})", {"-1", "-999", "-1000"},
         {"0", "-1001", "1"});
  expect(R"({"type":"integer","multipleOf":7,"minimum":1,"maximum":100})", {"7", "98", "70"},
         {"0", "1", "99", "105"});
  expect(R"({"type":"integer","multipleOf":500})", {"0", "500", "-1500"}, {"250", "5"});
  expect(R"({"type":"number","multipleOf":0.01})", {"1", "1.25", "0.1", "-3.07"},
         {"1.255", "0.001"});
  expect(R"({"type":"number","multipleOf":0.5,"minimum":0})", {"0", "1.5", "2.0"}, {"1.25", "0.1"});
  expect(R"({"type":"number","minimum":3,"exclusiveMinimum":true})", {"3.1", "4"}, {"3", "2"});
  expect(R"({"type":"number","minimum":1e-7})", {"0.0000001", "1"}, {"0", "0.00000001"});
  EXPECT_NE(refusal(R"({"type":"integer","minimum":3,"maximum":2})"), "");
  EXPECT_NE(refusal(R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4})"), "");
}

TEST(JsonSchema, MatchesPatternsAgainstTheDecodedText) {
  expect(R"({"type":"string","pattern":"^[^a]+$"})",
         {R"("b")", R"("\"")", R"("\n\\")", "\"\xC3\xA9\"", R"("\u00e9")"}, {R"("a")", R"("")"});
  expect(R"({"type":"string","pattern":"b"})", {R"("b")", R"("abc")"}, {R"("ac")", R"("")"});
  expect(R"({"type":"string","pattern":"^a|z$"})", {R"("ab")", R"("yz")"}, {R"("ya")"});
  expect(R"({"type":"string","pattern":"^[a-z]+$","minLength":2,"maxLength":4})",
         {R"("ab")", R"("abcd")"}, {R"("a")", R"("abcde")", R"("aB")"});
  expect(R"({"type":"string","pattern":"^(ab)+$","maxLength":5})", {R"("ab")", R"("abab")"},
         {R"("ababab")", R"("aba")"});
  expect(R"({"allOf":[{"pattern":"a"},{"pattern":"b"}],"type":"string"})", {R"("ab")", R"("xbya")"},
         {R"("a")", R"("b")"});
  expect(R"({"type":"string","pattern":"\\bcat\\b"})", {R"("a cat.")", R"("cat")"},
         {R"("cats")", R"("concat")"});
  expect(R"({"type":"string","pattern":"^\\p{Lu}\\p{Ll}*$"})", {"\"\xC3\x84h\""}, {R"("ab")"});
  EXPECT_NE(refusal(R"({"type":"string","pattern":"(a"})").find("pattern"), std::string::npos);
}

TEST(JsonSchema, KnowsTheFormats) {
  expect(R"({"format":"date"})", {R"("2024-02-29")", R"("2000-02-29")", R"("2026-11-30")"},
         {R"("2023-02-29")", R"("1900-02-29")", R"("2026-11-31")", R"("2026-13-01")"});
  expect(R"({"format":"ipv4"})", {R"("192.168.0.1")", R"("255.255.255.255")"},
         {R"("256.1.1.1")", R"("1.2.3")", R"("01.2.3.4")"});
  expect(R"({"format":"ipv6"})",
         {R"("::1")", R"("::")", R"("2001:db8::ff00:42:8329")", R"("1:2:3:4:5:6:7:8")",
          R"("::ffff:192.168.0.1")", R"("1::")"},
         {R"("1:2:3:4:5:6:7")", R"("1::2::3")", R"("12345::")", R"("1:2:3:4:5:6:7:8:9")"});
  expect(R"({"format":"email"})", {R"("a.b+c@mail.example.org")"}, {R"("a@b")", R"("@b.org")"});
  expect(R"({"format":"hostname"})", {R"("example.org")", R"("a-b.c")"}, {R"("-a")", R"("a..b")"});
  expect(R"({"format":"uri"})",
         {R"("https://user@example.org:80/a/b?c=d#e")", R"("mailto:a@b.org")", R"("urn:x:y")"},
         {R"("example.org")", R"("http://a b")"});
  expect(R"({"format":"duration"})", {R"("P1Y2M3DT4H5M6S")", R"("PT1M")", R"("P2W")"},
         {R"("P")", R"("PT")", R"("1D")"});
  expect(R"({"format":"uuid4"})", {R"("123e4567-e89b-42d3-a456-426614174000")"},
         {R"("123e4567-e89b-12d3-a456-426614174000")"});
}

TEST(JsonSchema, WritesObjectsInTheOrderOfTheSchema) {
  const char* abc = R"({"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},
                        "required":["b"]})";
  expect(abc, {R"({"b":2})", R"({"a":1,"b":2})", R"({"a":1,"b":2,"c":3})", R"({"b":2,"c":3})"},
         {"{}", R"({"a":1})", R"({"b":2,"c":3,"a":1})", R"({"a":1,"c":3})", R"({"b":2,"b":2})"});
  expect(R"({"properties":{"a":{"const":1}},"required":["z"],"additionalProperties":{"const":0}})",
         {R"({"a":1,"z":0})", R"({"z":0,"q":0})"}, {R"({"a":1})", R"({"z":1})"});
  expect(R"({"properties":{"a":false,"b":true},"additionalProperties":true})",
         {"{}", R"({"b":1,"c":2})"}, {R"({"a":1})"});
  expect(R"({"properties":{"ab":{"const":1}},"additionalProperties":{"const":0}})",
         {R"({"a":0})", R"({"abc":0,"":0})", R"({"\"":0})"}, {R"({"ab":0})"});
}

TEST(JsonSchema, CountsMembers) {
  expect(R"({"properties":{"a":true,"b":true,"c":true},"minProperties":2,"maxProperties":2})",
         {R"({"a":1,"b":2})", R"({"a":1,"c":2})", R"({"b":1,"c":2})"},
         {"{}", R"({"a":1})", R"({"a":1,"b":2,"c":3})"});
  expect(R"({"properties":{"a":true},"required":["a"],"additionalProperties":{"const":0},
             "maxProperties":2})",
         {R"({"a":1})", R"({"a":1,"x":0})"}, {R"({"a":1,"x":0,"y":0})", R"({"x":0})"});
}

TEST(JsonSchema, TellsKeysApartByPatterns) {
  const char* schema = R"({"patternProperties":{"^s":{"type":"string"},"n$":{"minLength":2}},
                           "additionalProperties":{"type":"integer"}})";
  expect(schema, {R"({"sx":"a"})", R"({"sn":"ab"})", R"({"q":1})", R"({"n":"ab"})"},
         {R"({"sx":1})", R"({"sn":"a"})", R"({"q":"a"})"});
  expect(R"({"propertyNames":{"enum":["x","y"]},"additionalProperties":{"const":1}})",
         {"{}", R"({"x":1,"y":1})"}, {R"({"z":1})", R"({"x":2})"});
}

TEST(JsonSchema, TakesConditionsApart) {
  expect(R"({"properties":{"a":{"const":1},"b":{"const":2}},"dependentRequired":{"a":["b"]}})",
         {"{}", R"({"b":2})", R"({"a":1,"b":2})"}, {R"({"a":1})"});
  const char* schema = R"({"properties":{"k":{"enum":["x","y"]},"v":{"type":"integer"}},
      "required":["k"],"if":{"properties":{"k":{"const":"x"}},"required":["k"]},
      "then":{"required":["v"]},"else":{"properties":{"v":false}}})";
  expect(schema, {R"({"k":"x","v":1})", R"({"k":"y"})"}, {R"({"k":"x"})", R"({"k":"y","v":1})"});
  expect(R"({"type":"string","not":{"enum":["a","bc"]}})", {R"("b")", R"("")", R"("bcd")"},
         {R"("a")", R"("bc")"});
  expect(R"({"not":{"type":["string","object"]}})", {"1", "null", "[]"}, {R"("a")", "{}"});
}

TEST(JsonSchema, WritesTuplesAndListsOfCountedItems) {
  expect(R"({"prefixItems":[{"const":1},{"const":2},{"const":3}],"minItems":1})",
         {"[1]", "[1,2]", "[1, 2, 3]"}, {"[]", "[1,3]", "[1,2,3,4]"});
  expect(R"({"prefixItems":[{"const":1}],"items":{"const":0},"minItems":2,"maxItems":3})",
         {"[1,0]", "[1,0,0]"}, {"[1]", "[1,0,0,0]", "[0,0]"});
  expect(R"({"items":{"enum":["a","b"]},"uniqueItems":true})", {"[]", R"(["b","a"])", R"(["a"])"},
         {R"(["a","a"])", R"(["c"])"});
}

TEST(JsonSchema, ReportsWhatItPassesOver) {
  const Schema schema(R"({"type":"array","items":{"type":"string","pattern":"^(?=a)b"},
                          "contains":{"const":1}})");
  ASSERT_EQ(schema.warnings.size(), 2u);
  EXPECT_NE(schema.warnings[0].find("contains"), std::string::npos);
  EXPECT_NE(schema.warnings[1].find("#/items"), std::string::npos);
  EXPECT_NE(refusal(R"({"items":{"contains":{}}})", true).find("#/items: contains"),
            std::string::npos);
  EXPECT_EQ(refusal(R"({"title":"t","$schema":"x","type":"string","default":1})", true), "");
}

TEST(JsonSchema, NamesWhatIsNoSchema) {
  EXPECT_NE(refusal(R"({"type":"strin"})").find("strin"), std::string::npos);
  EXPECT_NE(refusal(R"({"properties":{"a":{"minLength":-1}}})").find("#/properties/a: minLength"),
            std::string::npos);
  for (const char* schema :
       {R"({"type":5})", R"({"required":"a"})", R"({"properties":[]})", R"({"enum":1})",
        R"({"anyOf":{}})", R"({"anyOf":[]})", "5", R"([1])", R"({"minimum":"a"})",
        R"({"type":"string","pattern":3})", R"({"allOf":[3]})", R"({"items":{"type":[1]}})"}) {
    EXPECT_NE(refusal(schema), "") << schema;
  }
}

TEST(JsonSchema, EndsQuicklyWhateverTheSchema) {
  std::vector<Json> hostile;
  Json many = Json::object();
  for (int i = 0; i < 12; ++i) {
    Json any = Json::array();
    for (int k = 0; k < 12; ++k) {
      any.push_back({{"properties", {{"p" + std::to_string(i), {{"const", k}}}}}});
    }
    many["allOf"].push_back({{"anyOf", any}});
  }
  hostile.push_back(many);
  Json doubled = {{"$ref", "#/$defs/d0"}, {"$defs", Json::object()}};
  for (int i = 0; i < 60; ++i) {
    const Json next = {{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
    doubled["$defs"]["d" + std::to_string(i)] = {{"anyOf", {next, next}}};
  }
  doubled["$defs"]["d60"] = {{"type", "string"}};
  hostile.push_back(doubled);
  Json deep = Json::object();
  for (int i = 0; i < 3000; ++i) deep = {{"items", deep}};
  hostile.push_back(deep);
  Json names = {{"type", "object"}, {"minProperties", 500}};
  for (int i = 0; i < 2000; ++i) names["properties"]["p" + std::to_string(i)] = {{"type", "null"}};
  hostile.push_back(names);
  Json values = {{"enum", Json::array()}, {"pattern", "^(a|b|ab)*c?$"}};
  for (int i = 0; i < 20000; ++i) values["enum"].push_back("v" + std::to_string(i));
  hostile.push_back(values);
  hostile.push_back(
      {{"type", "string"}, {"pattern", "^(.*a){30}.*b(.{0,900}c){900}$"}, {"maxLength", 1000}});
  hostile.push_back({{"type", "string"}, {"minLength", 4e8}, {"maxLength", 9e8}});
  hostile.push_back({{"type", "number"}, {"multipleOf", 0.00123457}, {"minimum", 1e30}});
  for (const Json& schema : hostile) {
    const std::clock_t start = std::clock();
    try {
      const Schema grammar(schema);
    } catch (const GrammarError&) {
      // as good
    }
    const double took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_LT(took, 3) << schema.dump().substr(0, 200);
  }
}

TEST(JsonSchema, TellsWhichParametersAreStrings) {
  const auto is_string = [](const char* text) {
    const Json schema = Json::parse(text);
    return can_be_string(schema, schema);
  };
  for (const char* text :
       {R"({"type":"string"})", R"({"type":["null","string"]})", R"({"enum":[1,"a"]})",
        R"({"anyOf":[{"type":"null"},{"type":"string"}]})", R"({"pattern":"a"})",
        R"({"const":"a"})", R"({"format":"date"})", R"({"maxLength":3})",
        R"({"allOf":[{"type":"string"},{"minLength":1}]})",
        R"({"$ref":"#/$defs/s","$defs":{"s":{"type":"string"}}})"}) {
    EXPECT_TRUE(is_string(text)) << text;
  }
  for (const char* text :
       {R"({})", R"({"type":"integer"})", R"({"enum":[1,2]})", R"({"format":"int32"})",
        R"({"allOf":[{"type":"string"},{"type":"null"}]})", R"({"$ref":"#"})"}) {
    EXPECT_FALSE(is_string(text)) << text;
  }
}

class PlainString {
 public:
  PlainString(const char* schema, const std::string& stop) {
    Expressions expressions;
    const Json parsed = Json::parse(schema);
    const Expr text = add_plain_string(expressions, parsed, {}, stop);
    grammar_ = compile(expressions, expressions.sequence({text, expressions.literal(stop)}));
  }
  bool accepts(const std::string& text) const {
    Matcher matcher(grammar_);
    return matcher.feed(text) == text.size() && matcher.is_accepting();
  }

 private:
  std::shared_ptr<const Grammar> grammar_;
};

TEST(JsonSchema, WritesStringsWithoutQuotes) {
  const PlainString any(R"({"type":"string"})", "</p>");
  EXPECT_TRUE(any.accepts("a \"b\" \\ <p> </p></p>") == false);
  EXPECT_TRUE(any.accepts("a \"b\" \\ <p>\n</p>"));
  const PlainString listed(R"({"enum":["a b","\"c\"","x</p>y",3]})", "</p>");
  EXPECT_TRUE(listed.accepts("a b</p>"));
  EXPECT_TRUE(listed.accepts("\"c\"</p>"));
  EXPECT_FALSE(listed.accepts("x</p>y</p>"));
  EXPECT_FALSE(listed.accepts("3</p>"));
  const PlainString counted(R"({"type":"string","minLength":2,"maxLength":4})", "</p>");
  EXPECT_TRUE(counted.accepts("a<</p>"));
  EXPECT_FALSE(counted.accepts("a</p>"));
  EXPECT_FALSE(counted.accepts("abcde</p>"));
  const PlainString pattern(R"({"type":"string","pattern":"^a.*z$"})", "</p>");
  EXPECT_TRUE(pattern.accepts("a\"z</p>"));
  EXPECT_FALSE(pattern.accepts("a</p>z</p>"));
  EXPECT_FALSE(pattern.accepts("ab</p>"));
}

}  // namespace
}  // namespace llm::grammar
