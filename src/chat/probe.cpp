#include "chat/probe.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "chat/template_variables.h"

namespace llm::chat {
namespace {

constexpr const char* kUserNeedle = "QQ_USER_QQ";
constexpr const char* kSystemNeedle = "QQ_SYSTEM_QQ";
constexpr const char* kToolNeedle = "QQ_TOOL_QQ";
constexpr const char* kArgumentName = "QQ_NAME_QQ";
constexpr const char* kArgumentNeedle = "QQ_VALUE_QQ";
constexpr const char* kOtherArgumentNeedle = "QQ_OTHER_QQ";
constexpr const char* kReasoningNeedle = "QQ_REASONING_QQ";

bool has(const std::optional<std::string>& text, std::string_view needle) {
  return text && text->find(needle) != std::string::npos;
}

/// The output, or nothing when the template refuses the conversation.
std::optional<std::string> render(const Template& chat_template, Json messages, Json tools = {},
                                  Json extra = Json::object()) {
  TemplateInput input;
  input.messages = std::move(messages);
  input.tools = std::move(tools);
  input.extra = standard_variables(chat_template, input.tools, kProbeClock);
  input.extra.update(extra);
  input.extra["enable_thinking"] = true;
  // What templates use without a look whether it is there; see template_variables.h.
  for (const char* name : {"functions", "datetime", "date_string"}) input.extra[name] = "";
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  try {
    return chat_template.render(input);
  } catch (const RequestError&) {
    return std::nullopt;
  }
}

Json message(const char* role, Json content) {
  return {{"role", role}, {"content", std::move(content)}};
}

Json offered_tools() {
  return Json::array(
      {{{"type", "function"},
        {"function",
         {{"name", kToolNeedle},
          {"description", "probe"},
          {"parameters",
           {{"type", "object"},
            {"properties", {{kArgumentName, {{"type", "string"}, {"description", "probe"}}}}},
            {"required", Json::array({kArgumentName})}}}}}}});
}

Json tool_call(const char* id, const char* value, bool as_object) {
  const Json arguments = {{kArgumentName, value}};
  return {{"id", id},
          {"type", "function"},
          {"function",
           {{"name", kToolNeedle}, {"arguments", as_object ? arguments : Json(arguments.dump())}}}};
}

/// A user, an assistant that makes one or two calls, and the results.
Json conversation_with_calls(bool as_objects, bool two, const Json& content) {
  Json assistant = message("assistant", content);
  Json calls = Json::array({tool_call("call00001", kArgumentNeedle, as_objects)});
  if (two) calls.push_back(tool_call("call00002", kOtherArgumentNeedle, as_objects));
  assistant["tool_calls"] = std::move(calls);
  Json messages = Json::array({message("user", kUserNeedle), std::move(assistant)});
  for (const char* id : {"call00001", "call00002"}) {
    Json result = message("tool", "done");
    result["tool_call_id"] = id;
    result["name"] = kToolNeedle;
    messages.push_back(std::move(result));
    if (!two) break;
  }
  return messages;
}

void probe_content(const Template& chat_template, TemplateCaps& caps) {
  const auto plain = render(chat_template, Json::array({message("user", kUserNeedle)}));
  const Json part = {{"type", "text"}, {"text", kUserNeedle}};
  const auto typed = render(chat_template, Json::array({message("user", Json::array({part}))}));
  // A list that is merely printed shows its members, too.
  const bool reads_parts =
      has(typed, kUserNeedle) && !has(typed, "'type'") && !has(typed, "\"type\"");
  caps.supports_typed_content = reads_parts && !has(plain, kUserNeedle);
  caps.supports_string_content = plain.has_value() && !caps.supports_typed_content;
}

void probe_tools(const Template& chat_template, TemplateCaps& caps) {
  const Json content = caps.supports_typed_content
                           ? Json::array({{{"type", "text"}, {"text", kUserNeedle}}})
                           : Json(kUserNeedle);
  caps.supports_system_role =
      has(render(chat_template,
                 Json::array({message("system", kSystemNeedle), message("user", content)})),
          kSystemNeedle);
  const Json tools = offered_tools();
  caps.supports_tools =
      has(render(chat_template, Json::array({message("user", content)}), tools), kToolNeedle);

  const auto as_object = render(chat_template, conversation_with_calls(true, false, ""), tools);
  const auto as_text = render(chat_template, conversation_with_calls(false, false, ""), tools);
  // An object that is printed as Python would is no use.
  const std::string printed = fmt::format("{{'{}': '{}", kArgumentName, kArgumentNeedle);
  caps.supports_object_arguments = has(as_object, kArgumentNeedle) && !has(as_object, printed);
  caps.supports_tool_calls = has(as_object, kArgumentNeedle) || has(as_text, kArgumentNeedle);
  const auto two = render(chat_template,
                          conversation_with_calls(caps.supports_object_arguments, true, ""), tools);
  caps.supports_parallel_tool_calls = has(two, kArgumentNeedle) && has(two, kOtherArgumentNeedle);
}

void probe_history(const Template& chat_template, TemplateCaps& caps) {
  Json answer = message("assistant", "answer");
  answer["reasoning_content"] = kReasoningNeedle;
  const Json messages =
      Json::array({message("user", "one"), std::move(answer), message("user", "two")});
  caps.supports_preserve_reasoning =
      has(render(chat_template, messages, {}, keep_reasoning_variables()), kReasoningNeedle);
}

}  // namespace

Json keep_reasoning_variables() {
  return {{"preserve_thinking", true},
          {"clear_thinking", false},
          {"truncate_history_thinking", false},
          {"drop_thinking", false}};
}

TemplateCaps probe_caps(const Template& chat_template) {
  TemplateCaps caps;
  probe_content(chat_template, caps);
  probe_tools(chat_template, caps);
  probe_history(chat_template, caps);
  return caps;
}

}  // namespace llm::chat
