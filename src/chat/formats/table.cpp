// The known families: how each writes its replies. Their rows are in table_*.cpp.
#include "chat/formats/table.h"

#include "chat/formats/layout_format.h"

namespace llm::chat {

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

const std::vector<ReplyLayout>& known_layouts() {
  static const std::vector<ReplyLayout> layouts = [] {
    std::vector<ReplyLayout> all;
    for (const auto add :
         {add_json_layouts, add_named_layouts, add_tagged_layouts, add_other_layouts})
      add(all);
    return all;
  }();
  return layouts;
}

const ReplyLayout* known_layout(std::string_view name) {
  for (const ReplyLayout& layout : known_layouts())
    if (layout.name == name) return &layout;
  return nullptr;
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
