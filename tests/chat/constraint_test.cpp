#include <gtest/gtest.h>

#include "grammar/json/json_validate.h"
#include "reply_helpers.h"
#include "sampler.h"

namespace llm::chat {
namespace {

Json function(const std::string& name, const char* parameters) {
  return {
      {"type", "function"},
      {"function", {{"name", name}, {"description", ""}, {"parameters", Json::parse(parameters)}}}};
}

Json some_tools() {
  return Json::array({function("find", R"({"type":"object","properties":{
          "query":{"type":"string","minLength":1,"maxLength":8},
          "kind":{"enum":["book","film review"]},
          "limit":{"type":"integer","minimum":1,"maximum":20},
          "tags":{"type":"array","items":{"type":"string","pattern":"^[a-z]{1,5}$"},"minItems":1},
          "exact":{"type":"boolean"}},"required":["query","limit"]})"),
                      function("find_all", R"({"type":"object","properties":{
          "where":{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"string"}},
                   "required":["x"]},
          "note":{"type":["string","null"]}},"required":["where"]})"),
                      function("ping", R"({"type":"object","properties":{}})")});
}

class Constrained {
 public:
  Constrained(const Format& format, const ReplySettings& settings)
      : constraint_(format.constraint(settings)) {
    grammar_ = grammar::compile(constraint_.expressions, constraint_.root);
  }
  bool accepts(const std::string& text) const {
    grammar::Matcher matcher(grammar_);
    return matcher.feed(text) == text.size() && matcher.is_accepting();
  }
  const ReplyConstraint& constraint() const { return constraint_; }
  std::shared_ptr<const grammar::Grammar> grammar() const { return grammar_; }

 private:
  ReplyConstraint constraint_;
  std::shared_ptr<const grammar::Grammar> grammar_;
};

ReplySettings settings_for(const Json& tools, ToolChoice choice, bool parallel) {
  ReplySettings settings;
  settings.tools = tools;
  settings.tool_choice = choice;
  settings.parallel_calls = parallel;
  settings.make_id = [] { return std::string("abcdefghi"); };
  return settings;
}

TEST(Constraint, AgreesWithTheVectors) {
  LLM_NEED_SHARED("vectors/grammar/tool_call_constraints.json");
  const auto shared = test::shared_dir();
  const Json tools =
      Json::parse(test::read_text_file(shared / "vectors/toolcalls/tools.json"))["sets"];
  int texts = 0;
  for (const Json& vector :
       Json::parse(test::read_text_file(shared / "vectors/grammar/tool_call_constraints.json"))) {
    const auto source =
        test::read_text_file(shared / "templates" / vector["template"].get<std::string>());
    const auto format = detect_format(*Template::compile(source)).format;
    ReplySettings settings =
        settings_for(tools[vector["tools"].get<std::string>()], ToolChoice::required, true);
    settings.parallel_calls = vector["request"].value("parallel_tool_calls", true);
    settings.generation_prompt = vector["generation_prompt"].get<std::string>();
    const Constrained constrained(*format, settings);
    for (const char* side : {"accept", "reject"}) {
      for (const Json& text : vector[side]) {
        EXPECT_EQ(constrained.accepts(text.get<std::string>()), side == std::string("accept"))
            << vector["id"] << " " << format->name() << ": " << text;
        ++texts;
      }
    }
  }
  EXPECT_GT(texts, 300);
}

/// Markers, and what they are written with.
std::vector<std::string> hints_of(const Format& format) {
  std::vector<std::string> hints;
  for (const std::string& token : format.preserved_tokens()) {
    hints.push_back(token);
    hints.push_back("\n" + token);
  }
  return hints;
}

void expect_calls_of(const Message& message, const Json& tools, const std::string& what) {
  ASSERT_FALSE(message.calls.empty()) << what;
  EXPECT_EQ(message.content, "") << what;
  for (const ToolCall& call : message.calls) {
    const Json* parameters = nullptr;
    for (const Json& tool : tools) {
      if (tool["function"]["name"] == call.name) parameters = &tool["function"]["parameters"];
    }
    ASSERT_NE(parameters, nullptr) << call.name << " in " << what;
    const Json arguments = Json::parse(call.arguments, nullptr, false);
    ASSERT_TRUE(arguments.is_object()) << call.arguments << " in " << what;
    grammar::References references(*parameters);
    EXPECT_TRUE(grammar::Validator(references).is_valid(arguments, *parameters))
        << call.arguments << " in " << what;
  }
}

/// Whatever a constraint lets through, the parser reads as calls that the tools allow.
class EveryFormat : public testing::TestWithParam<std::string> {};

TEST_P(EveryFormat, ReadsWhatItsConstraintAccepts) {
  const auto format = find_format(GetParam());
  const Json tools = some_tools();
  for (const bool parallel : {false, true}) {
    for (const bool thinks : {false, true}) {
      ReplySettings settings = settings_for(tools, ToolChoice::required, parallel);
      if (thinks) settings.generation_prompt = format->thinking("").start;
      if (GetParam() == "functionary-3.2") settings.generation_prompt = ">>>";
      if (GetParam() == "gpt-oss") settings.generation_prompt = "<|start|>assistant";
      const Constrained constrained(*format, settings);
      test::Sampler sampler(constrained.grammar(), 7u + parallel + 2u * thinks, hints_of(*format));
      int samples = 0;
      for (int i = 0; i < 25; ++i) {
        bool dead_end = false;
        const auto text = sampler.sample(150, dead_end);
        ASSERT_FALSE(dead_end) << text.value_or("");
        if (!text) continue;
        ++samples;
        const auto reply = test::read_reply(*format, settings, *text, {}, true);
        expect_calls_of(reply.whole, tools, *text);
        if (!parallel) {
          EXPECT_EQ(reply.whole.calls.size(), 1u) << *text;
        }
        if (HasFailure()) return;
      }
      EXPECT_GT(samples, 10);
    }
  }
}

std::vector<std::string> formats_with_calls() {
  std::vector<std::string> names;
  for (const std::string& name : format_names()) {
    const auto format = find_format(name);
    const Json tools = some_tools();
    if (format->constraint(settings_for(tools, ToolChoice::required, true)).active) {
      names.push_back(name);
    }
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Constraint, EveryFormat, testing::ValuesIn(formats_with_calls()),
                         [](const testing::TestParamInfo<std::string>& one) {
                           std::string name = one.param;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

TEST(Constraint, NamesOneFunction) {
  const auto format = find_format("hermes");
  ReplySettings settings = settings_for(some_tools(), ToolChoice::required, true);
  settings.named_tool = "ping";
  const Constrained constrained(*format, settings);
  EXPECT_TRUE(
      constrained.accepts("<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>"));
  EXPECT_FALSE(constrained.accepts(
      R"(<tool_call>{"name": "find_all", "arguments": {"where": {"x": 1}}}</tool_call>)"));
  settings.named_tool = "pong";
  EXPECT_THROW(format->constraint(settings), RequestError);
}

TEST(Constraint, SaysWhichSchemaCannotBeUsed) {
  const auto format = find_format("hermes");
  const Json tools =
      Json::array({function("a", "{}"), function("b", R"({"properties":{"x":{"type":"strin"}}})")});
  try {
    format->constraint(settings_for(tools, ToolChoice::automatic, true));
    FAIL();
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.param, "tools[1].function.parameters");
    EXPECT_NE(std::string(error.what()).find("strin"), std::string::npos);
  }
}

TEST(Constraint, IsLazyWhereTheModelMayTalk) {
  const auto format = find_format("qwen3-coder");
  ReplySettings settings = settings_for(some_tools(), ToolChoice::automatic, true);
  const Constrained lazy(*format, settings);
  EXPECT_TRUE(lazy.constraint().lazy);
  EXPECT_FALSE(lazy.constraint().triggers.empty());
  EXPECT_TRUE(lazy.accepts("<tool_call>\n<function=ping>\n</function>\n</tool_call>"));
  EXPECT_TRUE(lazy.accepts("<function=ping>\n</function>\n</tool_call>"));
  settings.tool_choice = ToolChoice::none;
  EXPECT_FALSE(format->constraint(settings).active);
  settings.schema = {{"type", "integer"}};
  const Constrained document(*format, settings);
  EXPECT_TRUE(document.accepts("12"));
  EXPECT_TRUE(document.accepts("<think>\nhm\n</think>\n\n12"));
  EXPECT_FALSE(document.accepts("hm"));
  settings.tool_choice = ToolChoice::automatic;
  const Constrained both(*format, settings);
  EXPECT_FALSE(both.constraint().lazy);
  EXPECT_TRUE(both.accepts("12"));
  EXPECT_TRUE(both.accepts("<tool_call>\n<function=ping>\n</function>\n</tool_call>"));
}

TEST(Constraint, ADocumentHasNoWhiteSpaceAroundIt) {
  const auto format = find_format("qwen3-coder");
  ReplySettings settings = settings_for(some_tools(), ToolChoice::automatic, true);
  settings.schema = {{"enum", {"a", "b"}}};
  const Constrained either(*format, settings);
  EXPECT_TRUE(either.accepts("\"a\""));
  for (const char* const text : {" \"a\"", "\n\"a\"", "\"a\" ", "\"a\"\n"}) {
    EXPECT_FALSE(either.accepts(text)) << text;
  }
  // White space belongs to what stands before: thoughts; and calls may still have some.
  EXPECT_TRUE(either.accepts("\n<think>\nhm\n</think>\n\n\"a\""));
  EXPECT_TRUE(either.accepts("\n\n<tool_call>\n<function=ping>\n</function>\n</tool_call>"));
  settings.generation_prompt = "<|im_start|>assistant\n<think>\n\n</think>";
  EXPECT_TRUE(Constrained(*format, settings).accepts("\n\n\"a\""));
  settings.generation_prompt += "\n\n";
  EXPECT_TRUE(Constrained(*format, settings).accepts("\"a\""));
  EXPECT_FALSE(Constrained(*format, settings).accepts("\n\n\"a\""));
}

TEST(Constraint, TakesParametersInAnyOrderAndEveryRequiredOne) {
  const Constrained constrained(*find_format("qwen3-coder"),
                                settings_for(some_tools(), ToolChoice::required, false));
  const auto call = [](const std::string& inside) {
    return "<tool_call>\n<function=find>\n" + inside + "</function>\n</tool_call>";
  };
  const std::string limit = "<parameter=limit>\n3\n</parameter>\n";
  const std::string query = "<parameter=query>\na b\n</parameter>\n";
  const std::string kind = "<parameter=kind>\nfilm review\n</parameter>\n";
  EXPECT_TRUE(constrained.accepts(call(query + limit)));
  EXPECT_TRUE(constrained.accepts(call(kind + limit + query)));
  EXPECT_FALSE(constrained.accepts(call(query + kind)));
  EXPECT_FALSE(constrained.accepts(call(query + limit + query)));
  EXPECT_FALSE(constrained.accepts(call(query + "<parameter=limit>\n30\n</parameter>\n")));
  EXPECT_FALSE(
      constrained.accepts(call(limit + "<parameter=query>\nlonger than 8\n</parameter>\n")));
  EXPECT_FALSE(constrained.accepts(call(limit + query + "<parameter=kind>\nsong\n</parameter>\n")));
}

}  // namespace
}  // namespace llm::chat
