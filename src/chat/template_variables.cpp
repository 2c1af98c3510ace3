#include "chat/template_variables.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "base/error.h"
#include "chat/probe.h"

namespace llm::chat {
namespace {

/// Sets `enabled` where `object` says so.
void read_thinking(const Json& object, bool& enabled) {
  const Json* value = find_value(object, "enable_thinking");
  if (!value) return;
  if (!value->is_boolean())
    bad_field("enable_thinking",
              fmt::format("invalid type for \"enable_thinking\" (expected boolean, got {})",
                          value->type_name()));
  enabled = value->get<bool>();
}

const Json& request_kwargs(const Json& body) {
  static const Json none = Json::object();
  const Json* kwargs = find_value(body, "chat_template_kwargs");
  if (!kwargs) return none;
  if (!kwargs->is_object())
    bad_field("chat_template_kwargs",
              fmt::format("chat_template_kwargs must be an object, not {}", kwargs->type_name()));
  return *kwargs;
}

std::string date(std::int64_t now_unix_s, const char* format) {
  const auto now = static_cast<std::time_t>(now_unix_s);
  std::tm local{};
  localtime_r(&now, &local);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, format, &local));
}

/// "none" switches thinking off; other values are for the template.
void add_effort(Json& variables, const Json& body, bool& thinking) {
  const Json* effort = find_value(body, "reasoning_effort");
  if (!effort) return;
  if (!effort->is_string())
    bad_field("reasoning_effort",
              fmt::format("reasoning_effort must be a string, not {}", effort->type_name()));
  if (*effort == "none") {
    thinking = false;
  } else {
    variables["reasoning_effort"] = *effort;
  }
}

/// DeepSeek V4 is told the schema of the reply.
void add_response_format(Json& variables, const Json& body) {
  const Json* format = find_value(body, "response_format");
  if (!format || !format->is_object() || format->value("type", Json()) != "json_schema") return;
  const Json* wrapper = find_value(*format, "json_schema");
  const Json* schema = wrapper && wrapper->is_object() ? find_value(*wrapper, "schema") : nullptr;
  if (schema) variables["response_format"] = *schema;
}

}  // namespace

Json standard_variables(const Template& chat_template, const Json& tools, std::int64_t now_unix_s) {
  if (now_unix_s == 0) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    now_unix_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  }
  Json variables = {{"date_string", date(now_unix_s, "%d %b %Y")},
                    {"datetime", date(now_unix_s, "%b %d %Y")}};
  // Firefunction v2 wants the tools as JSON text, and text even when there are none.
  if (chat_template.source().find("functools[") != std::string::npos)
    variables["functions"] = tools.is_null() ? "[]" : tools.dump(4);
  return variables;
}

Json template_variables(const Json& body, const Template& chat_template,
                        const RenderSettings& settings, const Json& tools) {
  Json variables = standard_variables(chat_template, tools, settings.now_unix_s);
  bool thinking = settings.enable_thinking.value_or(true);
  read_thinking(settings.template_kwargs, thinking);
  add_effort(variables, body, thinking);
  read_thinking(body, thinking);
  if (chat_template.family() == Family::deepseek_v4) add_response_format(variables, body);
  if (settings.preserve_reasoning) variables.update(keep_reasoning_variables());

  const Json& kwargs = request_kwargs(body);
  read_thinking(kwargs, thinking);
  variables.update(settings.template_kwargs);
  variables.update(kwargs);
  variables["enable_thinking"] = thinking;
  return variables;
}

}  // namespace llm::chat
