// How a template writes reasoning in front of an answer.
//
// Three places show it, the first that does counts: an answer with reasoning in the history; the
// generation prompt with thinking switched on and off; a generation prompt that always opens a
// block. Families that no rule covers are in a table.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.h"
#include "chat/probe.h"
#include "chat/template_variables.h"
#include "chat/text_parts.h"

namespace llm::chat {
namespace {

constexpr const char* kUser = "QQ_USER_QQ";
constexpr const char* kAnswer = "QQ_ANSWER_QQ";
constexpr const char* kReasoning = "QQ_REASONING_QQ";

struct KnownFormat {
  Family family;
  const char* start;
  const char* end;
  const char* none;
  const char* content_start;
};

constexpr KnownFormat kKnown[] = {
    {Family::ministral3, "[THINK]", "[/THINK]", "", ""},
    {Family::harmony, "<|channel|>analysis<|message|>", "<|end|>", "",
     "<|start|>assistant<|channel|>final<|message|>"},
    {Family::functionary32, "", "", "", "all\n"},
    {Family::kimi_k2, "<think>", "</think>", "", ""},
    {Family::cohere_moe, "<|START_THINKING|>", "<|END_THINKING|>", "", "<|START_TEXT|>"},
    {Family::lfm2, "<think>", "</think>", "", ""},
    {Family::lfm25, "<think>", "</think>", "", ""},
    {Family::gigachat3, "", "", "", ""},
    {Family::minimax_m3, "<mm:think>", "</mm:think>", "", ""},
    {Family::deepseek_v32, "<think>", "</think>", "", ""},
    {Family::deepseek_v4, "<think>", "</think>", "</think>", ""},
    {Family::gemma4, "<|channel>thought\n", "<channel|>", "", ""},
};

std::string render(const Template& chat_template, bool generation_prompt, bool thinking,
                   const Json& assistant = {}) {
  TemplateInput input;
  input.messages.push_back({{"role", "user"}, {"content", kUser}});
  if (!assistant.is_null()) input.messages.push_back(assistant);
  input.add_generation_prompt = generation_prompt;
  input.extra = standard_variables(chat_template, {}, kProbeClock);
  input.extra["enable_thinking"] = thinking;
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  try {
    return chat_template.render(input);
  } catch (const RequestError&) {
    return {};
  }
}

ReasoningFormat tags(std::string_view start, std::string_view end) {
  ReasoningFormat format;
  format.supported = true;
  format.start = start;
  format.end = end;
  return format;
}

/// From answers without and with reasoning.
ReasoningFormat from_history(const std::string& without, const std::string& with) {
  const std::size_t at = with.find(kReasoning);
  const std::size_t behind = at + std::string_view(kReasoning).size();
  const std::size_t answer = at == std::string::npos ? at : with.find(kAnswer, behind);
  if (answer == std::string::npos) return {};
  const std::string_view start = last_marker(std::string_view(with).substr(0, at));
  const std::string_view end = std::string_view(with).substr(behind, answer - behind);
  if (start.empty() || trimmed(end).empty()) return {};
  // Where an answer without reasoning is written behind a bare end tag, white space around the
  // tags is the model's business.
  const bool bare_end = without.find(trimmed(start)) == std::string::npos &&
                        without.find(trimmed(end)) != std::string::npos;
  return bare_end ? tags(trimmed(start), trimmed(end)) : tags(start, end);
}

/// From the ends of prompts with thinking on and off.
ReasoningFormat from_switch(std::string_view on, std::string_view off) {
  if (off.size() <= on.size() || !off.starts_with(on)) return {};
  const std::string_view added = off.substr(on.size());
  const std::string_view end = trimmed(last_marker(added));
  const std::string_view start = first_marker(added);
  if (end.empty()) return {};
  if (start.data() != end.data()) return tags(start, end);
  const std::string_view open = trimmed(last_marker(on));
  return open.empty() ? ReasoningFormat() : tags(open, added);
}

bool names_thinking(std::string_view marker) {
  std::string lower(marker);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("think") != std::string::npos || lower.find("reason") != std::string::npos;
}

/// From a prompt whose end opens a block in any case.
ReasoningFormat from_open_prompt(const std::string& prompt, const std::string& answered) {
  const std::string_view marker = last_marker(prompt);
  const std::string_view name = trimmed(marker);
  if (name.empty() || name[1] == '/' || !names_thinking(name)) return {};
  const std::string end = std::string(1, name[0]) + "/" + std::string(name.substr(1));
  // When answers in the history stand behind the same opening, its white space belongs to it.
  return tags(answered.starts_with(prompt) ? marker : name, end);
}

ReasoningFormat general_format(const Template& chat_template) {
  const Json plain = {{"role", "assistant"}, {"content", kAnswer}};
  Json thoughtful = plain;
  thoughtful["reasoning_content"] = kReasoning;
  const std::string without = render(chat_template, false, true, plain);
  ReasoningFormat format = from_history(without, render(chat_template, false, true, thoughtful));
  if (format.supported) return format;
  const std::string on = render(chat_template, true, true);
  format = from_switch(on, render(chat_template, true, false));
  if (format.supported) return format;
  format = from_open_prompt(on, without);
  if (format.supported) return format;
  const std::string& source = chat_template.source();
  const bool mentions =
      source.find("<think>") != std::string::npos && source.find("</think>") != std::string::npos;
  return mentions ? tags("<think>", "</think>") : ReasoningFormat();
}

}  // namespace

ReasoningFormat probe_reasoning(const Template& chat_template) {
  const Family family = chat_template.family();
  for (const KnownFormat& row : kKnown) {
    if (row.family != family) continue;
    ReasoningFormat format = tags(row.start, row.end);
    format.supported = !format.start.empty();
    format.none = row.none;
    format.content_start = row.content_start;
    return format;
  }
  if (family == Family::qwen3_coder) {
    const bool thinks = chat_template.source().find("<think>") != std::string::npos;
    return thinks ? tags("<think>\n", "\n</think>\n\n") : ReasoningFormat();
  }
  return general_format(chat_template);
}

}  // namespace llm::chat
