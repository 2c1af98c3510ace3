#include "server/chat/tool_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "chat/messages.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

using Choice = chat::ToolChoice;

struct ModeName {
  std::string_view name;
  Choice mode;
};
constexpr ModeName kModes[] = {
    {"auto", Choice::automatic},
    {"none", Choice::none},
    {"required", Choice::required},
    {"any", Choice::required},  // Anthropic's word
};

Choice mode_of(const std::string& name) {
  for (const ModeName& row : kModes) {
    if (name == row.name) return row.mode;
  }
  bad_field("tool_choice", "Invalid tool_choice: " + name);
}

/// {"type":"function","function":{"name"}}, {"type":"function","name"}, {"type":"tool","name"}.
std::string function_name(const Json& choice) {
  const Json* function = find(choice, "function");
  const Json& holder = function != nullptr && function->is_object() ? *function : choice;
  const Json* name = find(holder, "name");
  if (name == nullptr) bad_field("tool_choice", "Invalid tool_choice: it names no function");
  return read_string("tool_choice.function.name", *name);
}

/// {"type":"allowed_tools","mode","tools"}; OpenAI's chat API wraps mode and tools once more.
void read_allowed(const Json& choice, ToolChoiceField& field) {
  const Json* wrapped = find(choice, "allowed_tools");
  const Json& allowed = wrapped != nullptr && wrapped->is_object() ? *wrapped : choice;
  if (const Json* mode = find(allowed, "mode")) {
    field.mode = mode_of(read_string("tool_choice.mode", *mode));
  }
  const Json* tools = find(allowed, "tools");
  if (tools == nullptr || !tools->is_array()) {
    wrong_type("tool_choice.tools", "array", tools == nullptr ? Json() : *tools);
  }
  field.allowed = Json::array();
  for (const Json& tool : *tools) {
    if (!tool.is_object()) wrong_type("tool_choice.tools", "object", tool);
    field.allowed.push_back(function_name(tool));
  }
}

void read_object(const Json& choice, ToolChoiceField& field) {
  const Json* type = find(choice, "type");
  const std::string name = type == nullptr ? "" : read_string("tool_choice.type", *type);
  if (name == "function" || name == "tool" || (name.empty() && choice.contains("function"))) {
    field.mode = Choice::required;
    field.name = function_name(choice);
  } else if (name == "allowed_tools") {
    read_allowed(choice, field);
  } else {
    field.mode = mode_of(name);
  }
}

bool is_offered(const Json& tools, const std::string& name) {
  return std::any_of(tools.begin(), tools.end(),
                     [&](const Json& tool) { return tool["function"]["name"] == name; });
}

void check(const ToolChoiceField& field, const Json& tools) {
  const auto need = [&](const std::string& name) {
    if (is_offered(tools, name)) return;
    bad_field("tool_choice",
              fmt::format("Invalid tool_choice: there is no tool named '{}' in 'tools'", name));
  };
  if (!field.name.empty()) need(field.name);
  for (const Json& name : field.allowed) need(name.get<std::string>());
  const bool has_none = tools.empty() || (field.allowed.is_array() && field.allowed.empty());
  if (field.mode == Choice::required && has_none) {
    bad_field("tool_choice", "Invalid tool_choice: a call is required, but no tools are offered");
  }
}

}  // namespace

ToolChoiceField read_tool_choice(const Json& body, const Json& tools) {
  ToolChoiceField field;
  const Json* choice = find(body, "tool_choice");
  if (choice == nullptr) return field;
  if (choice->is_object()) {
    read_object(*choice, field);
  } else {
    field.mode = mode_of(read_string("tool_choice", *choice));
  }
  check(field, tools);
  return field;
}

Json read_tools(const Json& body) {
  const Json* tools = find(body, "tools");
  if (tools == nullptr) return {};
  const Json only_tools = {{"messages", Json::array()}, {"tools", *tools}};
  return chat::read_conversation(only_tools, {}, "", false).tools;
}

bool wants_strict_tools(const Json& body) {
  const Json* tools = find(body, "tools");
  if (tools == nullptr || !tools->is_array()) return false;
  return std::any_of(tools->begin(), tools->end(), [](const Json& tool) {
    const Json* function = tool.is_object() ? find(tool, "function") : nullptr;
    const Json* strict =
        function != nullptr && function->is_object() ? find(*function, "strict") : nullptr;
    return strict != nullptr && *strict == Json(true);
  });
}

}  // namespace llm::server
