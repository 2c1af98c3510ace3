// `'{0} {name!r:>10}'.format(a, name=b)`
#include "base/utf8.h"
#include "chat/jinja/format.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

class SpecReader {
 public:
  explicit SpecReader(std::string_view text) : text_(text) {}

  FormatSpec read() {
    fill_and_align();
    if (peek() == '+' || peek() == '-' || peek() == ' ') spec_.sign = take();
    if (peek() == '#') spec_.alternate = take() != 0;
    if (peek() == '0') {
      ++at_;
      if (spec_.align == 0) {
        spec_.align = '=';
        spec_.fill = '0';
      }
    }
    spec_.width = number(0);
    if (peek() == ',' || peek() == '_') spec_.grouping = take();
    if (peek() == '.') {
      ++at_;
      spec_.precision = number(-1);
      if (spec_.precision < 0) refuse("Format specifier missing precision");
    }
    if (at_ < text_.size()) spec_.type = take();
    if (at_ < text_.size()) refuse("Invalid format specifier '{}'", text_);
    return spec_;
  }

 private:
  static bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  char take() { return text_[at_++]; }

  void fill_and_align() {
    const utf8::Decoded first = utf8::decode(text_, 0);
    const std::size_t second = first.length;
    if (first.length > 0 && second < text_.size() && is_align(text_[second])) {
      spec_.fill = first.code_point;
      spec_.align = text_[second];
      at_ = second + 1;
    } else if (is_align(peek())) {
      spec_.align = take();
    }
  }

  std::int64_t number(std::int64_t otherwise) {
    if (peek() < '0' || peek() > '9') return otherwise;
    std::int64_t result = 0;
    while (peek() >= '0' && peek() <= '9') {
      result = result * 10 + (take() - '0');
      if (result > std::int64_t{1} << 32) refuse("the width or precision is too large");
    }
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  FormatSpec spec_;
};

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments)
      : runtime_(runtime), arguments_(arguments) {}

  std::string run(std::string_view format) {
    const Runtime::Nested nested(runtime_);
    std::string out;
    for (std::size_t at = 0; at < format.size();) {
      const char c = format[at++];
      const bool doubled = at < format.size() && format[at] == c;
      if (c != '{' && c != '}') {
        out += c;
      } else if (doubled) {
        out += c;
        ++at;
      } else if (c == '}') {
        refuse("Single '}}' encountered in format string");
      } else {
        const std::size_t end = end_of_field(format, at);
        runtime_.step();
        out += field(format.substr(at, end - at));
        at = end + 1;
      }
    }
    runtime_.charge(out.size());
    return out;
  }

 private:
  static std::size_t end_of_field(std::string_view format, std::size_t at) {
    for (int depth = 1; at < format.size(); ++at) {
      if (format[at] == '{') ++depth;
      if (format[at] == '}' && --depth == 0) return at;
    }
    refuse("expected '}}' before end of string");
  }

  std::string field(std::string_view field) {
    const std::size_t colon = field.find(':');
    std::string_view name = field.substr(0, colon);
    const std::string_view spec = colon == std::string_view::npos ? "" : field.substr(colon + 1);
    char conversion = 0;
    if (const std::size_t mark = name.find('!'); mark != std::string_view::npos) {
      if (name.size() != mark + 2) refuse("end of string while looking for conversion specifier");
      conversion = name[mark + 1];
      name = name.substr(0, mark);
    }
    Value value = lookup(name);
    if (conversion == 'r' || conversion == 'a') value = runtime_.text(repr(runtime_, value));
    if (conversion == 's') value = runtime_.text(to_text(runtime_, value));
    const std::string filled =
        spec.find('{') == std::string_view::npos ? std::string(spec) : run(spec);
    return format_value(runtime_, value, SpecReader(filled).read());
  }

  /// `0.name[key]`
  Value lookup(std::string_view name) {
    std::size_t end = name.find_first_of(".[");
    Value value = argument(name.substr(0, end));
    while (end < name.size()) {
      const bool dotted = name[end] == '.';
      const std::size_t stop = dotted ? name.find_first_of(".[", end + 1) : name.find(']', end);
      if (!dotted && stop == std::string_view::npos) refuse("Missing ']' in format string");
      const std::string key(name.substr(end + 1, stop - end - 1));
      const bool is_index =
          !dotted && !key.empty() && key.find_first_not_of("0123456789") == std::string::npos;
      if (is_index && key.size() > 9) refuse("Too many decimal digits in format string");
      value = subscript(runtime_, value, is_index ? Value(std::stoi(key)) : Value(key));
      if (value.is_undefined()) refuse("{}", value.undefined_reason());
      end = dotted ? stop : stop + 1;
    }
    return value;
  }

  Value argument(std::string_view name) {
    if (name.empty()) return positional(automatic_++);
    if (name.find_first_not_of("0123456789") != std::string_view::npos) {
      const Value* value = arguments_.find(name);
      if (!value) refuse("the format names '{}', which is not given", name);
      return *value;
    }
    if (name.size() > 9) refuse("Too many decimal digits in format string");
    return positional(static_cast<std::size_t>(std::stoi(std::string(name))));
  }

  Value positional(std::size_t index) {
    if (index >= arguments_.positional.size())
      refuse("Replacement index {} out of range for positional args", index);
    return arguments_.positional[index];
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  std::size_t automatic_ = 0;
};

}  // namespace

std::string format_braces(Runtime& runtime, std::string_view format, const Arguments& arguments) {
  return BraceFormatter(runtime, arguments).run(format);
}

}  // namespace llm::chat::jinja
