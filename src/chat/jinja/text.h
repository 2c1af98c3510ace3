// Values as text: Python's str() and repr(), and JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "chat/jinja/value.h"

namespace llm::chat::jinja {

class Runtime;

/// The shortest digits that read back as `value`, laid out as Python's repr: 1.0, 1e+16, 1e-05.
std::string float_text(double value);

/// What `{{ value }}` prints.
std::string to_text(Runtime& runtime, const Value& value);
/// The same, without a copy where `value` is a string.
void append_text(Runtime& runtime, std::string& out, const Value& value);
/// What Python's repr shows: strings in quotes.
void append_repr(Runtime& runtime, std::string& out, const Value& value);
std::string repr(Runtime& runtime, const Value& value);
/// `\n`, `\x07`, `\u2028` for the characters that repr does not show as they are.
void append_escaped(std::string& out, char32_t code_point);

struct JsonStyle {
  bool ascii = false;  // \uXXXX for everything beyond ASCII
  bool sort_keys = false;
  bool lines = false;  // one item per line, each level indented by `indent`
  std::string indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

/// As Python's json.dumps.
std::string to_json(Runtime& runtime, const Value& value, const JsonStyle& style);
Value from_json(Runtime& runtime, const Json& json);

}  // namespace llm::chat::jinja
