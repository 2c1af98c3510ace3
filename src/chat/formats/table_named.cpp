// Families whose calls are a name between markers and a JSON object.
#include "chat/formats/table.h"

namespace llm::chat {
namespace {

CallLayout mistral_named() {
  CallLayout call;
  call.syntax = CallSyntax::named_json;
  call.call_open = "[TOOL_CALLS]";
  call.name_close = "[ARGS]";
  call.id_length = 9;
  return call;
}

CallLayout mistral_list() {
  CallLayout call = json_list("[TOOL_CALLS]", "");
  call.id_members = {"id"};
  call.id_place = IdPlace::member;
  call.id_is_last = true;
  call.id_length = 9;
  return call;
}

ReplyLayout mistral_nemo() {
  ReplyLayout layout;
  layout.name = "mistral-nemo";
  CallLayout named = mistral_named();
  named.id_open = "[CALL_ID]";
  layout.calls = {mistral_list(), named};
  layout.triggers = {word("[TOOL_CALLS]")};
  return layout;
}

ReplyLayout mistral_small() {
  ReplyLayout layout = mistral_nemo();
  layout.name = "mistral-small-3.2";
  CallLayout named = mistral_named();
  named.id_open = "[CALL_ID]";
  named.id_place = IdPlace::behind_name;
  layout.calls = {named, mistral_list()};
  return layout;
}

ReplyLayout ministral() {
  ReplyLayout layout = mistral_small();
  layout.name = "ministral-3";
  layout.reasoning = tight_tags("[THINK]", "[/THINK]");
  layout.calls[0].id_place = IdPlace::none;
  return layout;
}

ReplyLayout functionary31() {
  ReplyLayout layout;
  layout.name = "functionary-3.1";
  CallLayout call;
  call.syntax = CallSyntax::named_json;
  call.call_open = "<function=";
  call.name_close = ">";
  call.call_close = "</function>";
  layout.calls = {call};
  layout.code_tag = "<|python_tag|>";
  layout.triggers = {word("<function=")};
  return layout;
}

CallLayout deepseek_calls() {
  CallLayout call;
  call.syntax = CallSyntax::named_json;
  call.section_open = {"<｜tool▁calls▁begin｜>"};
  call.section_close = "<｜tool▁calls▁end｜>";
  call.call_open = "<｜tool▁call▁begin｜>";
  call.name_close = "<｜tool▁sep｜>";
  call.call_close = "<｜tool▁call▁end｜>";
  call.has_type_word = true;
  return call;
}

ReplyLayout deepseek_r1() {
  ReplyLayout layout;
  layout.name = "deepseek-r1";
  layout.reasoning = think_tags();
  CallLayout call = deepseek_calls();
  call.in_fence = true;
  call.separator = "\n";
  layout.calls = {call};
  layout.triggers = {word("<｜tool▁calls▁begin｜>"), word("<｜tool▁call▁begin｜>")};
  return layout;
}

ReplyLayout deepseek_v31() {
  ReplyLayout layout = deepseek_r1();
  layout.name = "deepseek-v3.1";
  layout.reasoning = tight_tags("<think>", "</think>");
  layout.calls = {deepseek_calls()};
  return layout;
}

ReplyLayout kimi_k2() {
  ReplyLayout layout;
  layout.name = "kimi-k2";
  layout.reasoning = tight_tags("<think>", "</think>");
  layout.reasoning.calls_end_it = true;
  CallLayout call;
  call.syntax = CallSyntax::named_json;
  call.section_open = {"<|tool_calls_section_begin|>"};
  call.section_close = "<|tool_calls_section_end|>";
  call.call_open = "<|tool_call_begin|>";
  call.name_close = "<|tool_call_argument_begin|>";
  call.call_close = "<|tool_call_end|>";
  call.id_place = IdPlace::with_name;
  layout.calls = {call};
  layout.triggers = {word("<|tool_calls_section_begin|>"), word("<|tool_call_begin|>")};
  return layout;
}

ReplyLayout solar_open() {
  ReplyLayout layout;
  layout.name = "solar-open";
  layout.reasoning = tight_tags("<|think|>", "<|end|>");
  layout.content_start = "<|content|>";
  layout.content_end = "<|end|>";
  layout.dropped = {"<|begin|>assistant"};
  CallLayout call;
  call.syntax = CallSyntax::named_json;
  call.section_open = {"<|tool_calls|>"};
  call.section_close = "<|calls|>";
  call.call_open = "<|tool_call:begin|>";
  call.name_open = "<|tool_call:name|>";
  call.name_close = "<|tool_call:args|>";
  call.call_close = "<|tool_call:end|>";
  call.id_place = IdPlace::before_name;
  layout.calls = {call};
  layout.triggers = {word("<|tool_calls|>")};
  return layout;
}

}  // namespace

void add_named_layouts(std::vector<ReplyLayout>& to) {
  for (const auto make : {mistral_nemo, mistral_small, ministral, functionary31, deepseek_r1,
                          deepseek_v31, kimi_k2, solar_open})
    to.push_back(make());
}

}  // namespace llm::chat
