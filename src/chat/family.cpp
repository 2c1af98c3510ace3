#include "chat/family.h"

#include <algorithm>
#include <array>

namespace llm::chat {
namespace {

struct FamilyMarks {
  Family family;
  std::array<std::string_view, 3> needs;  // all of these ...
  std::string_view excludes;              // ... and not this, unless empty
};

// Tried in this order.
constexpr FamilyMarks kFamilies[] = {
    {Family::ministral3, {"[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]"}, "[CALL_ID]"},
    {Family::harmony, {"<|channel|>"}, ""},
    {Family::functionary32, {">>>all", ">>>${recipient}"}, ""},
    {Family::kimi_k2, {"<|tool_calls_section_begin|>", "<|tool_call_begin|>"}, ""},
    {Family::cohere_moe, {"<|START_TEXT|>", "<|START_ACTION|>"}, ""},
    {Family::lfm2, {"<|tool_list_start|>", "<|tool_list_end|>"}, ""},
    {Family::lfm25, {"List of tools: ["}, "<|tool_list_start|>"},
    {Family::gigachat3, {"<|role_sep|>", "<|message_sep|>"}, "<|function_call|>"},
    {Family::minimax_m3, {"]<]minimax[>[", "<tool_call>", "<invoke name="}, ""},
    {Family::deepseek_v32, {"dsml_token", "DSML", "function_calls"}, ""},
    {Family::deepseek_v4, {"dsml_token", "DSML", "tool_calls"}, "function_calls"},
    {Family::gemma4, {"'<|tool_call>call:'"}, ""},
    {Family::minicpm5, {"Tool usage guidelines:", "<function name=\"", "<param name=\""}, ""},
    {Family::qwen3_coder, {"<tool_call>", "<function=", "<parameter="}, ""},
};

}  // namespace

Family detect_family(std::string_view source) {
  const auto has = [&](std::string_view mark) {
    return source.find(mark) != std::string_view::npos;
  };
  for (const FamilyMarks& row : kFamilies) {
    const bool excluded = !row.excludes.empty() && has(row.excludes);
    if (!excluded && std::all_of(row.needs.begin(), row.needs.end(), has)) return row.family;
  }
  return Family::general;
}

}  // namespace llm::chat
