#include "grammar/json_machine.h"

#include <utility>

namespace llm::grammar {
namespace {

bool is_digit(std::uint8_t byte) {
  return byte >= '0' && byte <= '9';
}
bool is_space(std::uint8_t byte) {
  return byte == ' ' || byte == '\n' || byte == '\t';
}
/// Value of a hexadecimal digit, -1 for other bytes.
int hex_value(std::uint8_t byte) {
  if (is_digit(byte)) return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

}  // namespace

bool JsonMachine::step(std::uint8_t byte) {
  switch (mode_) {
    case Mode::string:
    case Mode::continuation:
    case Mode::escape:
      return step_string(byte);
    case Mode::hex:
      return step_hex(byte);
    case Mode::literal:
      if (byte != static_cast<std::uint8_t>(*rest_)) return false;
      if (*++rest_ == '\0') end_value();
      return true;
    case Mode::minus:
    case Mode::zero:
    case Mode::integer:
    case Mode::point:
    case Mode::fraction:
    case Mode::exponent:
    case Mode::exponent_sign:
    case Mode::exponent_digits:
      return step_number(byte);
    default:
      return step_structure(byte);
  }
}

bool JsonMachine::is_complete() const {
  const bool number = mode_ == Mode::zero || mode_ == Mode::integer || mode_ == Mode::fraction ||
                      mode_ == Mode::exponent_digits;
  return mode_ == Mode::done || (number && depth_ == 0);
}

bool JsonMachine::step_structure(std::uint8_t byte) {
  if (is_space(byte)) return step_space(byte);
  blanks_ = 0;
  has_break_ = false;
  switch (mode_) {
    case Mode::value:
      return begin_value(byte);
    case Mode::first_item:
      return byte == ']' ? close(false) : begin_value(byte);
    case Mode::first_key:
      if (byte == '}') return close(true);
      [[fallthrough]];
    case Mode::next_key:
      if (byte != '"') return false;
      is_key_ = true;
      mode_ = Mode::string;
      return true;
    case Mode::colon:
      if (byte != ':') return false;
      mode_ = Mode::value;
      return true;
    case Mode::after_value:
      if (byte == '}' || byte == ']') return close(byte == '}');
      if (byte != ',') return false;
      mode_ = inside_object() ? Mode::next_key : Mode::value;
      return true;
    default:
      return false;
  }
}

/// Small models can go on with blanks for ever, so there are few.
bool JsonMachine::step_space(std::uint8_t byte) {
  if (mode_ == Mode::done) return false;
  if (byte == '\n') {
    blanks_ = 0;
    return !std::exchange(has_break_, true);
  }
  return ++blanks_ <= (has_break_ ? kMaxIndent : 1);
}

bool JsonMachine::begin_value(std::uint8_t byte) {
  if (byte == '{') return open(true);
  if (depth_ == 0 && root_ == Root::object) return false;
  switch (byte) {
    case '[':
      return open(false);
    case '"':
      is_key_ = false;
      mode_ = Mode::string;
      return true;
    case '-':
      mode_ = Mode::minus;
      return true;
    case 't':
      rest_ = "rue";
      break;
    case 'f':
      rest_ = "alse";
      break;
    case 'n':
      rest_ = "ull";
      break;
    default:
      if (!is_digit(byte)) return false;
      mode_ = byte == '0' ? Mode::zero : Mode::integer;
      remaining_ = kMaxDigits - 1;
      return true;
  }
  mode_ = Mode::literal;
  return true;
}

bool JsonMachine::step_string(std::uint8_t byte) {
  if (mode_ == Mode::continuation) {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xBF;
    if (--remaining_ == 0) mode_ = Mode::string;
    return true;
  }
  if (mode_ == Mode::escape) {
    if (byte == 'u') {
      remaining_ = 4;
      mode_ = Mode::hex;
      return true;
    }
    if (surrogate_ != Surrogate::none) return false;  // the second half must come
    mode_ = Mode::string;
    return byte == '"' || byte == '\\' || byte == '/' || byte == 'b' || byte == 'f' ||
           byte == 'n' || byte == 'r' || byte == 't';
  }
  if (byte == '\\') {
    mode_ = Mode::escape;
    return true;
  }
  if (surrogate_ != Surrogate::none) return false;
  if (byte != '"') return begin_character(byte);
  if (is_key_) {
    mode_ = Mode::colon;
  } else {
    end_value();
  }
  return true;
}

/// RFC 3629, section 4: the first byte decides how many follow and the range of the next one.
bool JsonMachine::begin_character(std::uint8_t byte) {
  if (byte < 0x20) return false;
  if (byte < 0x80) return true;
  low_ = 0x80;
  high_ = 0xBF;
  if (byte >= 0xC2 && byte <= 0xDF) {
    remaining_ = 1;
  } else if (byte >= 0xE0 && byte <= 0xEF) {
    remaining_ = 2;
    if (byte == 0xE0) low_ = 0xA0;
    if (byte == 0xED) high_ = 0x9F;
  } else if (byte >= 0xF0 && byte <= 0xF4) {
    remaining_ = 3;
    if (byte == 0xF0) low_ = 0x90;
    if (byte == 0xF4) high_ = 0x8F;
  } else {
    return false;
  }
  mode_ = Mode::continuation;
  return true;
}

/// \uD800 to \uDBFF must be followed by \uDC00 to \uDFFF, and the latter never come alone.
bool JsonMachine::step_hex(std::uint8_t byte) {
  const int digit = hex_value(byte);
  if (digit < 0) return false;
  if (remaining_ == 4) {
    if (surrogate_ == Surrogate::wants_low) {
      if (digit != 0xD) return false;
      surrogate_ = Surrogate::reading_low;
    } else if (digit == 0xD) {
      surrogate_ = Surrogate::reading_high;  // decided by the second digit
    }
  } else if (remaining_ == 3) {
    if (surrogate_ == Surrogate::reading_low && digit < 0xC) return false;
    if (surrogate_ == Surrogate::reading_high) {
      if (digit >= 0xC) return false;
      if (digit < 0x8) surrogate_ = Surrogate::none;
    }
  }
  if (--remaining_ > 0) return true;
  surrogate_ = surrogate_ == Surrogate::reading_high ? Surrogate::wants_low : Surrogate::none;
  mode_ = Mode::string;
  return true;
}

bool JsonMachine::step_number(std::uint8_t byte) {
  const bool may_end = mode_ == Mode::zero || mode_ == Mode::integer || mode_ == Mode::fraction ||
                       mode_ == Mode::exponent_digits;
  const bool may_scale = may_end && mode_ != Mode::exponent_digits;
  if (is_digit(byte)) {
    switch (mode_) {
      case Mode::zero:
        return false;  // no leading zeros
      case Mode::minus:
        mode_ = byte == '0' ? Mode::zero : Mode::integer;
        break;
      case Mode::point:
        mode_ = Mode::fraction;
        break;
      case Mode::exponent:
      case Mode::exponent_sign:
        mode_ = Mode::exponent_digits;
        break;
      default:
        return remaining_-- > 0;
    }
    remaining_ = mode_ == Mode::exponent_digits ? 1 : kMaxDigits - 1;
    return true;
  }
  if (byte == '.' && may_scale && mode_ != Mode::fraction) {
    mode_ = Mode::point;
    return true;
  }
  if ((byte == 'e' || byte == 'E') && may_scale) {
    mode_ = Mode::exponent;
    return true;
  }
  if ((byte == '+' || byte == '-') && mode_ == Mode::exponent) {
    mode_ = Mode::exponent_sign;
    return true;
  }
  if (!may_end || depth_ == 0) return false;
  end_value();
  return step_structure(byte);
}

bool JsonMachine::open(bool object) {
  if (depth_ == kMaxDepth) return false;
  const std::uint64_t bit = std::uint64_t{1} << depth_;
  objects_ = object ? objects_ | bit : objects_ & ~bit;
  ++depth_;
  mode_ = object ? Mode::first_key : Mode::first_item;
  return true;
}

bool JsonMachine::close(bool object) {
  if (inside_object() != object) return false;
  --depth_;
  end_value();
  return true;
}

void JsonMachine::end_value() {
  blanks_ = 0;
  has_break_ = false;
  mode_ = depth_ == 0 ? Mode::done : Mode::after_value;
}

}  // namespace llm::grammar
