// Work on strings that methods and filters share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/value.h"

namespace llm::chat::jinja {

class Runtime;

/// Without the characters of the set `chars` (null: white space) at the ends asked for.
std::string_view stripped(std::string_view text, const std::string_view* chars, bool left,
                          bool right);
/// At most `most` cuts; a negative number stands for no limit.
Value split_at(Runtime& runtime, std::string_view text, std::string_view separator,
               std::int64_t most);
Value split_at_from_end(Runtime& runtime, std::string_view text, std::string_view separator,
                        std::int64_t most);
Value split_at_spaces(Runtime& runtime, std::string_view text, std::int64_t most);
Value split_at_spaces_from_end(Runtime& runtime, std::string_view text, std::int64_t most);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);
/// The first `most` of the parts `old` replaced, all when it is negative.
std::string replaced(Runtime& runtime, std::string_view text, std::string_view old,
                     std::string_view with, std::int64_t most);
bool is_identifier(std::string_view text);
bool is_all_upper(std::string_view text);
bool is_all_lower(std::string_view text);
/// `&`, `<`, `>` and both quotes as HTML entities.
std::string html_escaped(std::string_view text);

}  // namespace llm::chat::jinja
