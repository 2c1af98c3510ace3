// Request to prompt, compared with recorded prompts of the peer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "chat/jinja_helpers.h"
#include "chat/render.h"
#include "json_file.h"
#include "shared_files.h"

namespace llm::test {
namespace {

namespace fs = std::filesystem;
using chat::RenderedChat;
using chat::RenderSettings;
using chat::Template;

/// The body that the recorded request stands for.
Json body_of(const Json& request, const Json& common_kwargs) {
  Json body = request;
  body["chat_template_kwargs"] = common_kwargs;
  // An explicit continuation is refused unless the prompt is switched off.
  if (body.contains("continue_final_message")) body["add_generation_prompt"] = false;
  return body;
}

void check(const Json& expected, const Json& body, const Template& chat_template,
           const RenderSettings& settings, const std::string& name) {
  try {
    const RenderedChat rendered = chat::render_chat(body, chat_template, settings);
    EXPECT_EQ(rendered.prompt, expected.value("prompt", "an error")) << name;
    EXPECT_EQ(rendered.generation_prompt, expected.value("generation_prompt", "an error")) << name;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.what(), expected.value("error", "no error")) << name;
    EXPECT_EQ(error.status, 400) << name;
  }
}

TEST(PromptVectors, RequestsBecomeTheRecordedPrompts) {
  LLM_NEED_SHARED("vectors/chat_prompts/requests.json");
  setenv("TZ", "UTC", 1);
  tzset();
  const fs::path dir = shared_dir() / "vectors/chat_prompts";
  const Json requests = read_json_file(dir / "requests.json");
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() != ".json" || name == "requests" || name == "capabilities")
      continue;
    const Json file = read_json_file(entry.path());
    const auto chat_template =
        Template::compile(read_text_file(shared_dir() / "templates" / (name + ".jinja")));
    RenderSettings settings;
    settings.bos_token = file["bos_token"];
    settings.eos_token = file["eos_token"];
    settings.now_unix_s = kRecordedClock;
    for (const Json& each : file["cases"]) {
      const std::string request = each["request"];
      check(each, body_of(requests["requests"][request], requests["common_kwargs"]), *chat_template,
            settings, name + " " + request);
      ++cases;
    }
  }
  EXPECT_GT(cases, 500);
}

TEST(PromptVectors, ProbingFindsTheRecordedCapabilities) {
  LLM_NEED_SHARED("vectors/chat_prompts/capabilities.json");
  const Json all = read_json_file(shared_dir() / "vectors/chat_prompts/capabilities.json");
  for (const auto& [name, expected] : all.items()) {
    const auto chat_template =
        Template::compile(read_text_file(shared_dir() / "templates" / (name + ".jinja")));
    const chat::TemplateCaps& caps = chat_template->caps();
    const Json found = {{"object_arguments", caps.supports_object_arguments},
                        {"parallel_tool_calls", caps.supports_parallel_tool_calls},
                        {"preserve_reasoning", caps.supports_preserve_reasoning},
                        {"string_content", caps.supports_string_content},
                        {"system_role", caps.supports_system_role},
                        {"tool_calls", caps.supports_tool_calls},
                        {"tools", caps.supports_tools},
                        {"typed_content", caps.supports_typed_content}};
    EXPECT_EQ(found.dump(), expected.dump()) << name;
  }
}

}  // namespace
}  // namespace llm::test
