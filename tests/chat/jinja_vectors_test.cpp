// The expected outputs of the reference implementation (Jinja2 in Python).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "chat/jinja_helpers.h"
#include "json_file.h"
#include "shared_files.h"

namespace llm::test {
namespace {

namespace fs = std::filesystem;
using chat::jinja::Failure;
using chat::jinja::FailureKind;

/// Compares with `text`, or with the `error` that a case expects.
void check(const Json& expected, std::string_view source, const Json& context,
           const std::string& name) {
  if (expected.contains("text")) {
    try {
      EXPECT_EQ(render(source, context), expected["text"].get<std::string>()) << name;
    } catch (const Failure& thrown) {
      ADD_FAILURE() << name << ": " << thrown.what();
    }
    return;
  }
  const Json& error = expected.at("error");
  const Failure thrown = failure(source, context);
  EXPECT_STRNE(thrown.what(), "") << name << " must fail: " << error;
  if (error["kind"] != "raise") return;
  EXPECT_EQ(thrown.kind, FailureKind::raise) << name;
  EXPECT_EQ(thrown.what(), error["message"].get<std::string>()) << name;
}

class JinjaVectors : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_F(JinjaVectors, SingleRulesPrintWhatTheReferencePrints) {
  LLM_NEED_SHARED("vectors/jinja/micro.json");
  for (const Json& rule : read_json_file(shared_dir() / "vectors/jinja/micro.json"))
    check(rule, rule["template"].get<std::string>(), rule.value("context", Json::object()),
          rule["id"]);
}

TEST_F(JinjaVectors, VendorTemplatesPrintWhatTheReferencePrints) {
  LLM_NEED_SHARED("vectors/jinja/templates");
  const Json conversations = read_json_file(shared_dir() / "vectors/jinja/conversations.json");
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(shared_dir() / "vectors/jinja/templates")) {
    const Json file = read_json_file(entry.path());
    const std::string source =
        read_text_file(shared_dir() / "templates" / file["template"].get<std::string>());
    for (const Json& each : file["cases"]) {
      Json context = conversations.at(each["conversation"].get<std::string>());
      context["bos_token"] = file["bos_token"];
      context["eos_token"] = file["eos_token"];
      context.update(each.value("extra", Json::object()));
      check(each, source, context,
            file["template"].get<std::string>() + " " + each["conversation"].get<std::string>());
      ++cases;
    }
  }
  EXPECT_GT(cases, 1000);
}

}  // namespace
}  // namespace llm::test
