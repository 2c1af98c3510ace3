// Families with a syntax of their own.
#include "chat/formats/table.h"

namespace llm::chat {
namespace {

ReplyLayout functionary32() {
  ReplyLayout layout;
  layout.name = "functionary-3.2";
  CallLayout call;
  call.syntax = CallSyntax::recipients;
  layout.calls = {call};
  layout.triggers = {pattern(">>>(?!all)")};
  layout.special_words = {">>>"};
  return layout;
}

ReplyLayout harmony() {
  ReplyLayout layout;
  layout.name = "gpt-oss";
  layout.reasoning = tight_tags("<|channel|>analysis<|message|>", "<|end|>");
  CallLayout call;
  call.syntax = CallSyntax::harmony;
  layout.calls = {call};
  layout.special_words = {"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>",
                          "<|end|>",   "<|call|>",    "<|return|>"};
  layout.triggers = {
      pattern(R"(^(\s+to=functions\.)[\s\S]*)"),
      pattern(R"(^(<\|channel\|>(?:commentary|analysis)\s+to=functions\.)[\s\S]*)"),
      pattern(R"(<\|start\|>assistant(\s+to=functions\.))"),
      pattern(R"(<\|start\|>assistant(<\|channel\|>(?:commentary|analysis)\s+to=functions\.))")};
  return layout;
}

CallLayout lfm2_calls() {
  CallLayout call;
  call.syntax = CallSyntax::python;
  call.section_open = {"<|tool_call_start|>"};
  call.section_close = "<|tool_call_end|>";
  call.in_array = true;
  call.separator = ", ";
  return call;
}

ReplyLayout lfm2() {
  ReplyLayout layout;
  layout.name = "lfm2";
  layout.reasoning = tight_tags("<think>", "</think>");
  layout.calls = {lfm2_calls()};
  layout.triggers = {word("<|tool_call_start|>")};
  return layout;
}

ReplyLayout gemma4() {
  ReplyLayout layout;
  layout.name = "gemma-4";
  layout.reasoning = tight_tags("<|channel>thought", "<channel|>");
  layout.reasoning.written_after_start = "\n";
  layout.reasoning.anywhere = true;
  CallLayout call;
  call.syntax = CallSyntax::gemma;
  call.section_open = {"<|tool_call>"};
  call.section_close = "<tool_call|>";
  call.repeats_section = true;
  layout.calls = {call};
  layout.special_words = {"<|channel>"};
  layout.triggers = {word("<|tool_call>")};
  return layout;
}

}  // namespace

void add_other_layouts(std::vector<ReplyLayout>& to) {
  for (const auto make : {functionary32, harmony, lfm2, gemma4}) to.push_back(make());
}

}  // namespace llm::chat
