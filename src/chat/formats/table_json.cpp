// Families whose calls are JSON objects with a name in them.
#include "chat/formats/table.h"

namespace llm::chat {
namespace {

ReplyLayout hermes() {
  ReplyLayout layout;
  layout.name = "hermes";
  layout.reasoning = think_tags();
  layout.calls = {hermes_calls()};
  layout.triggers = {word("<tool_call>")};
  return layout;
}

ReplyLayout generic() {
  ReplyLayout layout = hermes();
  layout.name = "generic";
  layout.explains_tools = true;
  return layout;
}

ReplyLayout llama3() {
  ReplyLayout layout;
  layout.name = "llama3";
  CallLayout call = json_calls("", "");
  call.section_open.clear();
  call.argument_members = {"parameters", "arguments"};
  call.separator = "; ";
  layout.calls = {call};
  layout.code_tag = "<|python_tag|>";
  layout.triggers = {pattern(R"(^\s*(\{\s*"name"\s*:\s*")[\s\S]*)"),
                     pattern(R"(^\s*(\{\s*"type"\s*:\s*"function")[\s\S]*)")};
  return layout;
}

ReplyLayout firefunction() {
  ReplyLayout layout;
  layout.name = "firefunction-2";
  layout.calls = {json_list("functools[", "")};
  layout.triggers = {word("functools[")};
  return layout;
}

ReplyLayout command_r7b() {
  ReplyLayout layout;
  layout.name = "command-r7b";
  layout.reasoning = tight_tags("<|START_THINKING|>", "<|END_THINKING|>");
  layout.reasoning.anywhere = true;
  layout.content_start = "<|START_RESPONSE|>";
  layout.content_end = "<|END_RESPONSE|>";
  CallLayout call = json_list("<|START_ACTION|>", "<|END_ACTION|>");
  call.name_members = {"tool_name", "name"};
  call.argument_members = {"parameters", "arguments"};
  call.id_members = {"tool_call_id", "id"};
  call.id_place = IdPlace::member;
  call.written_after_open = "\n    ";
  call.separator = ",\n    ";
  call.written_before_close = "\n";
  layout.calls = {call};
  layout.triggers = {word("<|START_ACTION|>")};
  return layout;
}

ReplyLayout cohere_moe() {
  ReplyLayout layout = command_r7b();
  layout.name = "cohere2-moe";
  layout.content_start = "<|START_TEXT|>";
  layout.content_end = "<|END_TEXT|>";
  return layout;
}

ReplyLayout command_r() {
  ReplyLayout layout;
  layout.name = "command-r";
  CallLayout call = json_list("Action:", "");
  call.name_members = {"tool_name", "name"};
  call.argument_members = {"parameters", "arguments"};
  call.in_fence = true;
  call.no_call_name = "directly_answer";
  layout.calls = {call};
  layout.triggers = {word("Action:")};
  return layout;
}

ReplyLayout granite33() {
  ReplyLayout layout;
  layout.name = "granite-3.3";
  layout.reasoning = tight_tags("<think>", "</think>");
  layout.content_start = "<response>";
  layout.content_end = "</response>";
  layout.calls = {json_list("<|tool_call|>", "")};
  layout.triggers = {word("<|tool_call|>")};
  return layout;
}

ReplyLayout nemotron_v2() {
  ReplyLayout layout;
  layout.name = "nemotron-nano-v2";
  layout.reasoning = think_tags();
  layout.calls = {json_list("<TOOLCALL>", "</TOOLCALL>")};
  layout.triggers = {word("<TOOLCALL>")};
  return layout;
}

ReplyLayout apertus() {
  ReplyLayout layout;
  layout.name = "apertus";
  CallLayout call = json_list("<|tools_prefix|>", "<|tools_suffix|>");
  call.name_is_key = true;
  layout.calls = {call};
  layout.triggers = {word("<|tools_prefix|>")};
  return layout;
}

ReplyLayout apriel16() {
  ReplyLayout layout;
  layout.name = "apriel-1.6";
  layout.reasoning.end = "[BEGIN FINAL RESPONSE]";
  layout.reasoning.always_open = true;
  layout.dropped = {"[END FINAL RESPONSE]"};
  layout.reasoning.written_before_end = "\n";
  layout.reasoning.written_after_end = "\n";
  layout.calls = {json_list("<tool_calls>", "</tool_calls>")};
  layout.triggers = {word("<tool_calls>")};
  return layout;
}

ReplyLayout apriel15() {
  ReplyLayout layout = apriel16();
  layout.name = "apriel-1.5";
  layout.reasoning = think_tags();
  return layout;
}

ReplyLayout gigachat3() {
  ReplyLayout layout;
  layout.name = "gigachat-3";
  CallLayout call = json_calls("<|message_sep|>\n\nfunction call<|role_sep|>", "");
  call.section_open.push_back("<|message_sep|>function call<|role_sep|>");
  call.section_open.push_back("<|message_sep|>\nfunction call<|role_sep|>");
  call.section_open.push_back("<|function_call|>");
  call.written_after_open = "\n";
  layout.calls = {call};
  layout.special_words = {"<|message_sep|>", "<|role_sep|>"};
  layout.triggers = {word("<|message_sep|>\n\nfunction call<|role_sep|>")};
  return layout;
}

ReplyLayout gigachat31() {
  ReplyLayout layout = gigachat3();
  layout.name = "gigachat-3.1";
  CallLayout& call = layout.calls[0];
  std::swap(call.section_open.front(), call.section_open.back());
  call.written_after_open = "";
  layout.triggers = {word("<|function_call|>")};
  return layout;
}

}  // namespace

void add_json_layouts(std::vector<ReplyLayout>& to) {
  for (const auto make :
       {hermes, generic, llama3, firefunction, command_r7b, cohere_moe, command_r, granite33,
        nemotron_v2, apertus, apriel16, apriel15, gigachat3, gigachat31})
    to.push_back(make());
}

}  // namespace llm::chat
