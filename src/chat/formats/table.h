// Shared by the parts of the table of known families.
#pragma once

#include <string>
#include <vector>

#include "chat/formats/layout.h"

namespace llm::chat {

/// <think> with line breaks around the thoughts.
ReasoningLayout think_tags();
ReasoningLayout tight_tags(std::string start, std::string end);
grammar::Trigger word(std::string text);
grammar::Trigger pattern(std::string text);
CallLayout json_calls(std::string open, std::string close);
/// One list of objects.
CallLayout json_list(std::string open, std::string close);
CallLayout hermes_calls();

void add_json_layouts(std::vector<ReplyLayout>& to);
void add_named_layouts(std::vector<ReplyLayout>& to);
void add_tagged_layouts(std::vector<ReplyLayout>& to);
void add_other_layouts(std::vector<ReplyLayout>& to);

}  // namespace llm::chat
