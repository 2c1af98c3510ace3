// Cutting prompts at markers: `<...>` or `[...]`.
#pragma once

#include <string>
#include <string_view>

namespace llm::chat {

/// Without white space (ASCII) at both ends.
std::string_view trimmed(std::string_view text);
/// The marker that ends `text`, with the white space behind it; empty when there is none.
std::string_view last_marker(std::string_view text);
/// The first marker in `text`; empty when there is none.
std::string_view first_marker(std::string_view text);
/// Length of what both begin with; never cuts a character.
std::size_t common_prefix(std::string_view a, std::string_view b);

}  // namespace llm::chat
