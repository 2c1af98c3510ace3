// The escapes inside string literals.
#pragma once

#include <string>
#include <string_view>

namespace llm::chat::jinja {

/// `body` is what stands between the quotes. Unknown escapes keep their backslash. `error` says
/// what is wrong with a malformed one.
std::string resolve_escapes(std::string_view body, std::string& error);

}  // namespace llm::chat::jinja
