// Which format the replies to a template have: marks in its text, else what probing finds, else
// the generic format.
#include <algorithm>
#include <array>

#include "chat/formats/derive.h"
#include "chat/formats/layout_format.h"
#include "chat/text_parts.h"

namespace llm::chat {
namespace {

struct MarkRow {
  const char* format;
  std::array<std::string_view, 3> needs;  // all of these ...
  std::string_view excludes;              // ... and not this, unless empty
};

// The first row that fits counts: special cases stand before general ones.
constexpr MarkRow kMarks[] = {
    {"ministral-3", {"[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]"}, "[CALL_ID]"},
    {"gpt-oss", {"<|channel|>"}, ""},
    {"functionary-3.2", {">>>all", ">>>${recipient}"}, ""},
    {"kimi-k2", {"<|tool_calls_section_begin|>", "<|tool_call_begin|>"}, ""},
    {"cohere2-moe", {"<|START_TEXT|>", "<|START_ACTION|>"}, ""},
    {"lfm2", {"<|tool_list_start|>", "<|tool_list_end|>"}, ""},
    {"lfm2", {"List of tools: ["}, "<|tool_list_start|>"},
    {"gigachat-3", {"<|role_sep|>", "<|message_sep|>"}, "<|function_call|>"},
    {"minimax-m3", {"]<]minimax[>[", "<tool_call>", "<invoke name="}, ""},
    {"deepseek-v3.2", {"dsml_token", "DSML", "function_calls"}, ""},
    {"deepseek-v4", {"dsml_token", "DSML", "tool_calls"}, ""},
    {"gemma-4", {"'<|tool_call>call:'"}, ""},
    {"minicpm-5", {"Tool usage guidelines:", "<function name=\"", "<param name=\""}, ""},
    {"qwen3-coder", {"<tool_call>", "<function=", "<parameter="}, ""},
    {"seed-oss", {"<seed:tool_call>"}, ""},
    {"minimax-m2", {"<minimax:tool_call>"}, ""},
    {"hunyuan-hy3", {"<tool_calls:opensource>"}, ""},
    {"hunyuan-hy3", {"'<tool_calls{}>'", "'<tool_sep{}>'", "':opensource'"}, ""},
    {"deepseek-r1", {"<｜tool▁calls▁begin｜>", "```json"}, ""},
    {"deepseek-v3.1", {"<｜tool▁calls▁begin｜>"}, ""},
    {"apertus", {"<|tools_prefix|>"}, ""},
    {"nemotron-nano-v2", {"<TOOLCALL>"}, ""},
    {"solar-open", {"<|tool_call:begin|>"}, ""},
    {"apriel-1.6", {"[BEGIN FINAL RESPONSE]"}, ""},
    {"apriel-1.5", {"<tool_calls>", "</tool_calls>"}, ""},
    {"firefunction-2", {"functools["}, ""},
    {"command-r7b", {"<|START_ACTION|>"}, ""},
    {"command-r", {"directly_answer", "Action:"}, ""},
    {"laguna", {"<tool_call>", "<arg_key>", "</assistant>"}, ""},
    {"glm-4.6", {"<tool_call>", "<arg_key>", "/nothink"}, ""},
    {"glm-4.7", {"<tool_call>", "<arg_key>"}, ""},
    {"gigachat-3.1", {"<|function_call|>", "<|role_sep|>"}, ""},
    {"mistral-small-3.2", {"[TOOL_CALLS]", "[CALL_ID]"}, ""},
    {"ministral-3", {"[TOOL_CALLS]", "[ARGS]"}, ""},
    {"mistral-nemo", {"[TOOL_CALLS]"}, ""},
    {"granite-3.3", {"<|tool_call|>", "<|start_of_role|>"}, "<tool_call>"},
    {"hermes", {"<tool_call>", "</tool_call>"}, ""},
    {"functionary-3.1", {"<function=", "</function>"}, "<parameter="},
    {"llama3", {"<|start_header_id|>", "\"parameters\":"}, ""},
    {"llama3", {"<|python_tag|>"}, ""},
};

bool fits(const MarkRow& row, const std::string& source) {
  const auto has = [&](std::string_view mark) { return source.find(mark) != std::string::npos; };
  return std::all_of(row.needs.begin(), row.needs.end(), has) &&
         (row.excludes.empty() || !has(row.excludes));
}

std::string list_marks(const MarkRow& row) {
  std::string text;
  for (const std::string_view mark : row.needs)
    if (!mark.empty()) text += (text.empty() ? "" : ", ") + std::string(mark);
  return text;
}

/// Families whose tags the template does not show where probing looks, or that have tags of their
/// own.
bool knows_its_reasoning(const ReplyLayout& layout) {
  const ReasoningLayout& thinks = layout.reasoning;
  return thinks.exists() && (thinks.start != "<think>" || thinks.calls_end_it);
}

void take_reasoning(ReplyLayout& layout, const ReasoningFormat& probed) {
  if (knows_its_reasoning(layout) && (probed.supported || layout.reasoning.start != "<think>"))
    return;
  if (!probed.supported) {
    layout.reasoning = {};
    return;
  }
  layout.reasoning.start = trimmed(probed.start);
  layout.reasoning.end = trimmed(probed.end);
}

/// A template that does not show tools: they are explained, the calls asked for are those of the
/// generic format, and its own ones are read as well.
void explain_tools(ReplyLayout& layout) {
  const ReplyLayout& generic = *known_layout("generic");
  layout.explains_tools = true;
  layout.calls.insert(layout.calls.begin(), generic.calls.begin(), generic.calls.end());
  layout.triggers.insert(layout.triggers.begin(), generic.triggers.begin(), generic.triggers.end());
}

DetectedFormat made(ReplyLayout layout, const Template& chat_template, std::string reason) {
  take_reasoning(layout, chat_template.reasoning());
  // Firefunction gets them in a variable of its own (render.h).
  const bool shows_tools = chat_template.caps().supports_tools || layout.name == "firefunction-2";
  if (!shows_tools && layout.explains_tools == false) explain_tools(layout);
  return {std::make_shared<LayoutFormat>(std::move(layout)), std::move(reason)};
}

}  // namespace

DetectedFormat detect_format(const Template& chat_template) {
  const std::string& source = chat_template.source();
  for (const MarkRow& row : kMarks)
    if (fits(row, source))
      return made(*known_layout(row.format), chat_template, "marks: " + list_marks(row));
  if (auto layout = derive_layout(chat_template))
    return made(std::move(*layout), chat_template, "derived from what the template renders");
  return made(*known_layout("generic"), chat_template, "no mark of a known format");
}

std::shared_ptr<const Format> find_format(std::string_view name) {
  const ReplyLayout* layout = known_layout(name);
  return layout ? std::make_shared<LayoutFormat>(*layout) : nullptr;
}

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const ReplyLayout& layout : known_layouts()) names.push_back(layout.name);
  return names;
}

}  // namespace llm::chat
