#include "chat/formats/layout_format.h"

#include <algorithm>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

class LayoutParser final : public ReplyParser {
 public:
  LayoutParser(std::shared_ptr<const ReplyLayout> layout, const ReplySettings& settings)
      : layout_(std::move(layout)), reading_(*layout_, settings), task_(read_reply(reading_)) {
    task_.start(reading_.driver);
  }

  MessageDelta feed(std::string_view text) override {
    std::string clean;
    gate_.pass(text, clean);
    if (!clean.empty() && !ended_) reading_.in.append(clean);
    return go_on();
  }

  MessageDelta finish(bool natural) override {
    if (ended_) return {};
    ended_ = true;
    std::string clean;
    gate_.end(natural, clean);
    if (!clean.empty()) {
      reading_.in.append(clean);
      go_on_reading();
    }
    reading_.in.end(natural);
    go_on_reading();
    reading_.out.finish();
    return reading_.out.take();
  }

  const Message& message() const override { return reading_.out.message(); }
  bool in_reasoning() const override { return reading_.out.in_reasoning(); }

 private:
  void go_on_reading() {
    reading_.driver.run();
    task_.rethrow();
  }
  MessageDelta go_on() {
    go_on_reading();
    return reading_.out.take();
  }

  std::shared_ptr<const ReplyLayout> layout_;
  Utf8Gate gate_;
  Reading reading_;
  Task<bool> task_;
  bool ended_ = false;
};

void add_all(std::vector<std::string>& to, std::initializer_list<std::string> texts) {
  for (const std::string& text : texts)
    if (!text.empty() && std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
}

}  // namespace

std::unique_ptr<ReplyParser> LayoutFormat::parser(const ReplySettings& settings) const {
  return std::make_unique<LayoutParser>(shared_, settings);
}

std::vector<std::string> LayoutFormat::preserved_tokens() const {
  std::vector<std::string> tokens;
  add_all(tokens, {layout_.reasoning.start, layout_.reasoning.end, layout_.content_start,
                   layout_.content_end, layout_.code_tag});
  for (const std::string& text : layout_.dropped) add_all(tokens, {text});
  for (const std::string& text : layout_.special_words) add_all(tokens, {text});
  for (const CallLayout& call : layout_.calls) {
    for (const std::string& open : call.section_open) add_all(tokens, {open});
    add_all(tokens, {call.section_close, call.call_open, call.call_close, call.name_open,
                     call.name_close, call.id_open, call.key_open, call.key_close, call.value_open,
                     call.value_close, call.tag_prefix});
    if (call.syntax == CallSyntax::gemma) add_all(tokens, {"<|\"|>"});
  }
  return tokens;
}

grammar::ThinkingTags LayoutFormat::thinking(const std::string& generation_prompt) const {
  const ReasoningLayout& thinks = layout_.reasoning;
  grammar::ThinkingTags tags;
  if (!thinks.exists()) return tags;
  tags.start = thinks.start;
  tags.ends = {thinks.end};
  if (thinks.calls_end_it) {
    for (const CallLayout& call : layout_.calls) {
      for (const std::string& open : call.section_open) add_all(tags.ends, {open});
      add_all(tags.ends, {call.call_open});
    }
  }
  tags.is_open = prompt_reasoning(thinks, generation_prompt).is_open;
  return tags;
}

std::string LayoutFormat::tool_instructions(const Json& tools) const {
  if (!layout_.explains_tools || !tools.is_array() || tools.empty()) return "";
  std::string text =
      "You can call functions. These are available, one JSON description per line:\n<tools>\n";
  for (const Json& tool : tools)
    text += tool.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return text +
         "</tools>\n"
         "When you need one, write a call for it, and nothing behind the last call:\n"
         "<tool_call>\n"
         "{\"name\": \"<function>\", \"arguments\": {\"<parameter>\": <value>}}\n"
         "</tool_call>";
}

}  // namespace llm::chat
