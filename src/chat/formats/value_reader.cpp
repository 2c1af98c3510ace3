#include "chat/formats/value_reader.h"

#include <array>

namespace llm::chat {
namespace {

constexpr std::string_view kGemmaQuote = "<|\"|>";

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

using Number = ValueReader::Number;

bool is_whole(Number state) {
  return state == Number::zero || state == Number::integer || state == Number::fraction ||
         state == Number::exponent;
}

/// The automaton of RFC 8259's numbers; none: not one.
Number next_in_number(Number state, char c) {
  const bool is_start = state == Number::start || state == Number::minus;
  if (is_digit(c)) {
    if (is_start) return c == '0' ? Number::zero : Number::integer;
    if (state == Number::integer) return state;
    if (state == Number::point || state == Number::fraction) return Number::fraction;
    return state == Number::zero ? Number::none : Number::exponent;
  }
  const bool in_whole = state == Number::zero || state == Number::integer;
  if (c == '-' && state == Number::start) return Number::minus;
  if (c == '.' && in_whole) return Number::point;
  if ((c == 'e' || c == 'E') && (in_whole || state == Number::fraction)) return Number::power;
  if ((c == '-' || c == '+') && state == Number::power) return Number::sign;
  return Number::none;
}

bool is_number(std::string_view text) {
  Number state = Number::start;
  for (const char c : text)
    if ((state = next_in_number(state, c)) == Number::none) return false;
  return is_whole(state);
}

struct Literal {
  std::string_view written, json;
};
constexpr std::array<Literal, 6> kLiterals = {{{"true", "true"},
                                               {"false", "false"},
                                               {"null", "null"},
                                               {"True", "true"},
                                               {"False", "false"},
                                               {"None", "null"}}};

/// The JSON of a number or literal; empty when it is neither.
std::string_view word_as_json(std::string_view word) {
  for (const Literal& literal : kLiterals)
    if (literal.written == word) return literal.json;
  return is_number(word) ? word : std::string_view();
}

void append_code_point(std::uint32_t code, std::string& out) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    append_escaped(std::string(1, static_cast<char>(code)), out);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

void append_unit(std::uint32_t code, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[code >> shift & 15];
}

}  // namespace

void append_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          append_unit(static_cast<unsigned char>(c), out);
        else
          out += c;
    }
  }
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  append_escaped(text, out);
  return out + '"';
}

ValueReader::Step ValueReader::put(char c, std::string& out) {
  switch (state_) {
    case State::text:
      return put_text(c, out);
    case State::escape:
      return put_escape(c, out);
    case State::code_unit:
      return put_code_unit(c, out);
    case State::word:
    case State::bare_key:
      return put_word(c, out);
    case State::over:
      return Step::past_end;
    default:
      return put_structure(c, out);
  }
}

bool ValueReader::is_closer(char c) const {
  return c == '}' || c == ']' || (syntax_ == ValueSyntax::python && c == ')');
}

ValueReader::Step ValueReader::put_structure(char c, std::string& out) {
  if (is_space(c)) {
    if (syntax_ != ValueSyntax::gemma && !stack_.empty()) (comma_ ? held_ : out) += c;
    return Step::more;
  }
  if (is_closer(c) && state_ != State::colon && !(state_ == State::value && !comma_))
    return end_container(c, out);
  switch (state_) {
    case State::behind_value:
      if (c != ',') return Step::failed;
      comma_ = true;
      held_ = c;
      state_ = stack_.back() == '{' ? State::key : State::value;
      return Step::more;
    case State::colon:
      if (c != ':' && !(c == '=' && syntax_ == ValueSyntax::gemma)) return Step::failed;
      out += ':';
      state_ = State::value;
      return Step::more;
    case State::key:
    case State::first_key:
      if (c == '"' || c == '\'') {
        flush(out);
        is_key_ = true;
        begin_text(std::string_view(&c, 1), out);
        return Step::more;
      }
      if (syntax_ != ValueSyntax::gemma || c == ',' || c == ':') return Step::failed;
      flush(out);
      is_key_ = true;
      state_ = State::bare_key;
      return put_word(c, out);
    default:
      return begin_value(c, out);
  }
}

ValueReader::Step ValueReader::open(char kind, std::string& out) {
  if (stack_.size() >= kMaxDepth) return Step::failed;
  flush(out);
  stack_ += kind;
  out += kind;
  state_ = kind == '{' ? State::first_key : State::first_item;
  return Step::more;
}

ValueReader::Step ValueReader::begin_value(char c, std::string& out) {
  if (c == '{') return open('{', out);
  if (c == '[' || (c == '(' && syntax_ == ValueSyntax::python)) return open('[', out);
  if (c == '"' || (c == '\'' && syntax_ != ValueSyntax::gemma)) {
    flush(out);
    is_key_ = false;
    begin_text(std::string_view(&c, 1), out);
    return Step::more;
  }
  const bool may_be_word =
      syntax_ == ValueSyntax::gemma
          ? c != ',' && c != ':' && !is_closer(c)
          : is_digit(c) || std::string_view("-tfnTFN").find(c) != std::string_view::npos;
  if (!may_be_word) return Step::failed;
  flush(out);
  is_key_ = false;
  state_ = State::word;
  held_.clear();
  const bool is_number = syntax_ != ValueSyntax::gemma && (is_digit(c) || c == '-');
  number_ = is_number ? Number::start : Number::none;
  return put_word(c, out);
}

void ValueReader::begin_text(std::string_view quote, std::string& out) {
  quote_ = quote;
  held_.clear();
  out += '"';
  state_ = State::text;
}

/// Gives out a comma that turned out to separate.
void ValueReader::flush(std::string& out) {
  if (comma_) out += held_;
  comma_ = false;
  held_.clear();
}

ValueReader::Step ValueReader::end_container(char c, std::string& out) {
  if (stack_.empty()) return Step::failed;
  const char kind = stack_.back();
  if ((c == '}') != (kind == '{')) return Step::failed;
  comma_ = false;  // a last comma, which JSON does not have
  held_.clear();
  out += kind == '{' ? '}' : ']';
  stack_.pop_back();
  end_value();
  return stack_.empty() ? Step::done : Step::more;
}

ValueReader::Step ValueReader::end_value() {
  state_ = stack_.empty() ? State::over : State::behind_value;
  return stack_.empty() ? Step::done : Step::more;
}

ValueReader::Step ValueReader::put_text(char c, std::string& out) {
  if (high_surrogate_ != 0 && c != '\\') end_code_unit(out);
  if (quote_.size() > 1) {  // Gemma's closing quote has several characters
    held_ += c;
    while (!held_.empty() && !quote_.starts_with(held_)) {
      append_escaped(held_.substr(0, 1), out);
      held_.erase(0, 1);
    }
    if (held_ != quote_) return Step::more;
    held_.clear();
  } else if (c != quote_[0]) {
    if (c == '\\')
      state_ = State::escape;
    else if (c == '"' || static_cast<unsigned char>(c) < 0x20)
      append_escaped(std::string_view(&c, 1), out);
    else
      out += c;
    return Step::more;
  }
  out += '"';
  if (!is_key_) return end_value();
  state_ = State::colon;
  return Step::more;
}

ValueReader::Step ValueReader::put_escape(char c, std::string& out) {
  if (high_surrogate_ != 0 && c != 'u') end_code_unit(out);
  state_ = State::text;
  const bool in_python = syntax_ == ValueSyntax::python || quote_ == "'";
  switch (c) {
    case '"':
    case '\\':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      out += '\\';
      out += c;
      break;
    case '/':
      out += in_python ? "\\\\/" : "\\/";
      break;
    case '\'':
      out += c;
      break;
    case 'u':
      digits_ = 4;
      code_ = 0;
      state_ = State::code_unit;
      break;
    case 'U':
    case 'x':
      if (!in_python) {
        out += "\\\\";
        out += c;
        break;
      }
      digits_ = c == 'x' ? 2 : 8;
      code_ = 0;
      state_ = State::code_unit;
      break;
    case '\n':
      if (!in_python) out += "\\\\\\n";
      break;
    default:  // JSON has no such escape; Python keeps the backslash
      out += "\\\\";
      append_escaped(std::string_view(&c, 1), out);
  }
  return Step::more;
}

ValueReader::Step ValueReader::put_code_unit(char c, std::string& out) {
  const int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
  if (digit < 0) {  // not an escape after all: the character it stands for is unknown
    state_ = State::text;
    high_surrogate_ = 0;
    out += "\xEF\xBF\xBD";
    return put_text(c, out);
  }
  code_ = code_ << 4 | static_cast<std::uint32_t>(digit);
  if (--digits_ > 0) return Step::more;
  state_ = State::text;
  if (code_ >= 0xD800 && code_ <= 0xDBFF) {
    if (high_surrogate_ != 0) end_code_unit(out);
    high_surrogate_ = code_;  // waits for its other half
    return Step::more;
  }
  if (code_ >= 0xDC00 && code_ <= 0xDFFF) {
    if (high_surrogate_ == 0) {
      out += "\xEF\xBF\xBD";
      return Step::more;
    }
    append_unit(high_surrogate_, out);
    append_unit(code_, out);
    high_surrogate_ = 0;
    return Step::more;
  }
  if (high_surrogate_ != 0) end_code_unit(out);
  if (code_ > 0x10FFFF)
    out += "\xEF\xBF\xBD";
  else if (code_ < 0x10000)
    append_unit(code_, out);
  else
    append_code_point(code_, out);
  return Step::more;
}

/// A half of a surrogate pair that stayed alone.
void ValueReader::end_code_unit(std::string& out) {
  high_surrogate_ = 0;
  out += "\xEF\xBF\xBD";
}

ValueReader::Step ValueReader::put_word(char c, std::string& out) {
  const bool is_gemma = syntax_ == ValueSyntax::gemma;
  const bool is_key = state_ == State::bare_key;
  if (is_gemma && held_.size() < kGemmaQuote.size() && kGemmaQuote.starts_with(held_ + c)) {
    held_ += c;
    if (held_ == kGemmaQuote) begin_text(kGemmaQuote, out);
    return Step::more;
  }
  const bool ends = is_key     ? c == ':'
                    : is_gemma ? c == ',' || c == '}' || c == ']'
                               : is_space(c) || c == ',' || is_closer(c);
  if (!ends) {
    held_ += c;
    if (is_gemma) return Step::more;
    if (number_ == Number::none) return held_.size() > 5 ? Step::failed : Step::more;
    const Number next = next_in_number(number_, c);
    if (next == Number::none) return Step::failed;  // number_ tells close() what was given out
    number_ = next;
    if (is_whole(number_)) {  // what stands is a number: digits are given out as they come
      out += held_;
      held_.clear();
    }
    return Step::more;
  }
  if (number_ != Number::none) {
    if (!is_whole(number_)) return Step::failed;
    if (end_value() == Step::done) return Step::past_end;
    return put_structure(c, out);
  }
  while (is_gemma && !held_.empty() && is_space(held_.back())) held_.pop_back();
  const std::string_view json = word_as_json(held_);
  if (is_key) {
    out += json_string(held_);
    held_.clear();
    state_ = State::colon;
    return put_structure(c, out);
  }
  if (json.empty() && !is_gemma) return Step::failed;
  if (json.empty())
    out += json_string(held_);
  else
    out += json;
  held_.clear();
  if (end_value() == Step::done) return Step::past_end;
  return put_structure(c, out);
}

bool ValueReader::close(std::string& out) {
  if (state_ == State::over) return true;
  bool is_whole = true;
  switch (state_) {
    case State::text:
    case State::escape:
    case State::code_unit:
      out += '"';
      state_ = is_key_ ? State::colon : State::behind_value;
      break;
    case State::word: {
      state_ = State::behind_value;
      if (number_ > Number::minus) break;  // its digits are given out
      const std::string_view json = word_as_json(held_);
      is_whole = !json.empty() || syntax_ == ValueSyntax::gemma;
      if (!json.empty())
        out += json;
      else
        out += syntax_ == ValueSyntax::gemma ? json_string(held_) : "null";
      break;
    }
    case State::bare_key:
      out += json_string(held_);
      state_ = State::colon;
      break;
    case State::value:
      if (stack_.empty()) return false;
      if (!comma_) {
        out += "null";
        state_ = State::behind_value;
      }
      break;
    default:
      break;
  }
  if (state_ == State::colon) out += ":null";
  for (; !stack_.empty(); stack_.pop_back()) out += stack_.back() == '{' ? '}' : ']';
  state_ = State::over;
  return is_whole;
}

bool to_json(std::string_view text, ValueSyntax syntax, std::string& out) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.empty()) return false;
  ValueReader reader(syntax);
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (reader.put(text[i], out)) {
      case ValueReader::Step::failed:
      case ValueReader::Step::past_end:
        return false;
      case ValueReader::Step::done:
        return i + 1 == text.size();
      default:
        break;
    }
  }
  // Only a word ends with its text.
  std::string rest;
  const ValueReader::Step step = reader.put(syntax == ValueSyntax::gemma ? ',' : ' ', rest);
  out += rest;
  return step == ValueReader::Step::past_end;
}

}  // namespace llm::chat
