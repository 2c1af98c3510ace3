// Python's two ways to fill values into a text: `'%s' % x` and `'{}'.format(x)`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chat/jinja/value.h"

namespace llm::chat::jinja {

class Runtime;

/// How one value is laid out; the parts of Python's format specification.
struct FormatSpec {
  char32_t fill = ' ';
  char align = 0;   // one of < > ^ =, 0: by type
  char sign = '-';  // '-', '+' or ' '
  bool alternate = false;
  char grouping = 0;  // ',' or '_'
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = 0;
};

/// `text` filled up to `width` code points.
std::string pad(Runtime& runtime, std::string_view text, std::int64_t width, char align,
                char32_t fill);
/// A number or a text as `spec` says; refuses types that do not fit the value.
std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec);

/// `format % arguments`: a tuple fills several places, a dict the named ones.
std::string format_percent(Runtime& runtime, std::string_view format, const Value& arguments);
/// `format.format(...)`
std::string format_braces(Runtime& runtime, std::string_view format, const Arguments& arguments);

}  // namespace llm::chat::jinja
