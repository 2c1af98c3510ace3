// Families whose parameters stand between tags.
#include "chat/formats/table.h"

namespace llm::chat {
namespace {

CallLayout function_tags(std::string open, std::string close) {
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  call.section_open = {std::move(open)};
  call.section_close = std::move(close);
  call.repeats_section = true;
  call.written_after_open = "\n";
  call.written_before_close = "\n";
  call.written_between_sections = "\n";
  call.call_open = "<function=";
  call.name_close = ">";
  call.call_close = "</function>";
  call.key_open = "<parameter=";
  call.key_close = ">";
  call.value_close = "</parameter>";
  call.written_after_name = "\n";
  call.written_after_value = "\n";
  return call;
}

ReplyLayout qwen3_coder() {
  ReplyLayout layout;
  layout.name = "qwen3-coder";
  layout.reasoning = think_tags();
  layout.reasoning.calls_end_it = true;
  CallLayout call = function_tags("<tool_call>", "</tool_call>");
  call.edges = ValueEdges::line_breaks;
  layout.calls = {call, hermes_calls()};
  layout.triggers = {word("<tool_call>"), word("<function=")};
  return layout;
}

ReplyLayout seed_oss() {
  ReplyLayout layout;
  layout.name = "seed-oss";
  layout.reasoning = tight_tags("<seed:think>", "</seed:think>");
  CallLayout call = function_tags("<seed:tool_call>", "</seed:tool_call>");
  call.edges = ValueEdges::paired_breaks;
  layout.calls = {call};
  layout.triggers = {word("<seed:tool_call>")};
  return layout;
}

ReplyLayout deepseek_dsml(std::string name, std::string section) {
  ReplyLayout layout;
  layout.name = std::move(name);
  layout.reasoning = tight_tags("<think>", "</think>");
  layout.reasoning.calls_end_it = true;
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  call.section_open = {"<｜DSML｜" + section + ">"};
  call.section_close = "</｜DSML｜" + section + ">";
  call.written_after_open = "\n";
  call.written_before_close = "\n";
  call.separator = "\n";
  call.call_open = "<｜DSML｜invoke name=\"";
  call.name_close = "\">";
  call.call_close = "</｜DSML｜invoke>";
  call.key_open = "<｜DSML｜parameter name=\"";
  call.key_close = "\"";
  call.value_close = "</｜DSML｜parameter>";
  call.has_string_attribute = true;
  call.written_after_name = "\n";
  call.written_after_value = "\n";
  layout.calls = {call};
  layout.triggers = {word(call.section_open[0])};
  return layout;
}

ReplyLayout deepseek_v32() {
  return deepseek_dsml("deepseek-v3.2", "function_calls");
}

ReplyLayout deepseek_v4() {
  return deepseek_dsml("deepseek-v4", "tool_calls");
}

ReplyLayout glm46() {
  ReplyLayout layout;
  layout.name = "glm-4.6";
  layout.reasoning = tight_tags("<think>", "</think>");
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  call.call_open = "<tool_call>";
  call.call_close = "</tool_call>";
  call.separator = "\n";
  call.key_open = "<arg_key>";
  call.key_close = "</arg_key>";
  call.value_open = "<arg_value>";
  call.value_close = "</arg_value>";
  call.written_after_name = "\n";
  call.written_after_key = "\n";
  call.written_after_value = "\n";
  layout.calls = {call, hermes_calls()};
  layout.triggers = {word("<tool_call>")};
  return layout;
}

ReplyLayout glm47() {
  ReplyLayout layout = glm46();
  layout.name = "glm-4.7";
  CallLayout& call = layout.calls[0];
  call.separator = call.written_after_name = call.written_after_key = call.written_after_value = "";
  return layout;
}

ReplyLayout laguna() {
  ReplyLayout layout = glm46();
  layout.name = "laguna";
  layout.stops = {"</assistant>"};
  return layout;
}

ReplyLayout hunyuan() {
  ReplyLayout layout;
  layout.name = "hunyuan-hy3";
  layout.reasoning = tight_tags("<think:opensource>", "</think:opensource>");
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  call.section_open = {"<tool_calls:opensource>"};
  call.section_close = "</tool_calls:opensource>";
  call.written_after_open = "\n";
  call.written_before_close = "\n";
  call.separator = "\n";
  call.call_open = "<tool_call:opensource>";
  call.name_close = "<tool_sep:opensource>";
  call.call_close = "</tool_call:opensource>";
  call.key_open = "<arg_key:opensource>";
  call.key_close = "</arg_key:opensource>";
  call.value_open = "<arg_value:opensource>";
  call.value_close = "</arg_value:opensource>";
  call.written_after_name = "\n";
  call.written_after_key = "\n";
  call.written_after_value = "\n";
  layout.calls = {call};
  layout.triggers = {word("<tool_calls:opensource>")};
  return layout;
}

ReplyLayout minimax_m2() {
  ReplyLayout layout;
  layout.name = "minimax-m2";
  layout.reasoning = think_tags();
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  call.section_open = {"<minimax:tool_call>"};
  call.section_close = "</minimax:tool_call>";
  call.written_after_open = "\n";
  call.written_before_close = "\n";
  call.separator = "\n";
  call.call_open = "<invoke name=\"";
  call.name_close = "\">";
  call.call_close = "</invoke>";
  call.key_open = "<parameter name=\"";
  call.key_close = "\">";
  call.value_close = "</parameter>";
  call.written_after_name = "\n";
  call.written_after_value = "\n";
  layout.calls = {call};
  layout.triggers = {word("<minimax:tool_call>")};
  return layout;
}

ReplyLayout minimax_m3() {
  const std::string tag = "]<]minimax[>[";
  ReplyLayout layout;
  layout.name = "minimax-m3";
  layout.reasoning = tight_tags("<mm:think>", "</mm:think>");
  CallLayout call;
  call.syntax = CallSyntax::nested;
  call.tag_prefix = tag;
  call.section_open = {tag + "<tool_call>"};
  call.section_close = tag + "</tool_call>";
  call.written_after_open = "\n";
  call.written_before_close = "\n";
  call.separator = "\n";
  call.call_open = tag + "<invoke name=\"";
  call.name_close = "\">";
  call.call_close = tag + "</invoke>";
  layout.calls = {call};
  layout.triggers = {word(call.section_open[0])};
  return layout;
}

ReplyLayout minicpm5() {
  ReplyLayout layout;
  layout.name = "minicpm-5";
  layout.reasoning = think_tags();
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  call.call_open = "<function name=\"";
  call.name_close = "\">";
  call.call_close = "</function>";
  call.key_open = "<param name=\"";
  call.key_close = "\">";
  call.value_close = "</param>";
  call.has_cdata = true;
  layout.calls = {call};
  layout.triggers = {word("<function name=\"")};
  return layout;
}

}  // namespace

void add_tagged_layouts(std::vector<ReplyLayout>& to) {
  for (const auto make : {qwen3_coder, seed_oss, deepseek_v32, deepseek_v4, glm46, glm47, laguna,
                          hunyuan, minimax_m2, minimax_m3, minicpm5})
    to.push_back(make());
}

}  // namespace llm::chat
