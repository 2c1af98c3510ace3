// The known families: how each writes its replies.
#include "chat/formats/layout_format.h"

namespace llm::chat {
namespace {

using grammar::Trigger;

ReasoningLayout think_tags() {
  ReasoningLayout tags;
  tags.start = "<think>";
  tags.end = "</think>";
  tags.written_after_start = "\n";
  tags.written_before_end = "\n";
  tags.written_after_end = "\n\n";
  return tags;
}

ReasoningLayout tight_tags(std::string start, std::string end) {
  ReasoningLayout tags;
  tags.start = std::move(start);
  tags.end = std::move(end);
  return tags;
}

Trigger word(std::string text) {
  return {Trigger::Kind::word, std::move(text), kNoToken};
}

Trigger pattern(std::string text) {
  return {Trigger::Kind::pattern, std::move(text), kNoToken};
}

CallLayout json_calls(std::string open, std::string close) {
  CallLayout call;
  call.syntax = CallSyntax::json;
  call.section_open = {std::move(open)};
  call.section_close = std::move(close);
  call.name_members = {"name"};
  call.argument_members = {"arguments", "parameters"};
  return call;
}

/// One list of objects.
CallLayout json_list(std::string open, std::string close) {
  CallLayout call = json_calls(std::move(open), std::move(close));
  call.in_array = true;
  call.separator = ", ";
  return call;
}

CallLayout hermes_calls() {
  CallLayout call = json_calls("<tool_call>", "</tool_call>");
  call.repeats_section = true;
  call.written_after_open = "\n";
  call.written_before_close = "\n";
  call.written_between_sections = "\n";
  return call;
}

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

const std::vector<ReplyLayout>& known_layouts() {
  static const std::vector<ReplyLayout> layouts = {
      hermes(),       generic(),       qwen3_coder(), seed_oss(),      llama3(),
      mistral_nemo(), mistral_small(), ministral(),   functionary31(), functionary32(),
      firefunction(), command_r7b(),   cohere_moe(),  command_r(),     deepseek_r1(),
      deepseek_v31(), deepseek_v32(),  deepseek_v4(), glm46(),         glm47(),
      laguna(),       hunyuan(),       minimax_m2(),  minimax_m3(),    kimi_k2(),
      solar_open(),   harmony(),       granite33(),   nemotron_v2(),   apertus(),
      apriel16(),     apriel15(),      lfm2(),        gemma4(),        gigachat3(),
      gigachat31(),   minicpm5(),
  };
  return layouts;
}

const ReplyLayout* known_layout(std::string_view name) {
  for (const ReplyLayout& layout : known_layouts())
    if (layout.name == name) return &layout;
  return nullptr;
}

}  // namespace llm::chat
