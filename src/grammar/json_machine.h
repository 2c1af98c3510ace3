// A byte-level pushdown automaton for JSON texts (RFC 8259): it says which bytes may come next.
// The room turns such automata into token filters for sampling; it knows no models.
// Start at json_filter.h.
#pragma once

#include <cstdint>

namespace llm::grammar {

/// Small and trivially copyable: callers try bytes on a copy.
/// Narrower than the RFC, so that a generation ends and every parser can read it: at most kMaxDepth
/// open containers, one blank or a line break with kMaxIndent blanks between symbols, numbers of
/// kMaxDigits before and behind the point and two in the exponent (a double holds them), nothing
/// after the document.
class JsonMachine {
 public:
  enum class Root : std::uint8_t { object, value };
  static constexpr int kMaxDepth = 64;  // bits of `objects_`
  static constexpr int kMaxIndent = 32;
  static constexpr int kMaxDigits = 40;

  explicit JsonMachine(Root root) : root_(root) {}

  /// False when `byte` cannot follow; the machine is then spent.
  bool step(std::uint8_t byte);
  /// The bytes so far are a whole document.
  bool is_complete() const;
  /// A whole document that nothing may follow. (A number at the root is complete but may go on.)
  bool is_finished() const { return mode_ == Mode::done; }
  /// Between two characters of a string: any character but quote, backslash and controls may come.
  bool in_string() const { return mode_ == Mode::string && surrogate_ == Surrogate::none; }

 private:
  enum class Mode : std::uint8_t {
    value,         // a value must come
    first_key,     // behind '{'
    next_key,      // behind ',' in an object
    colon,         // behind a key
    first_item,    // behind '['
    after_value,   // inside a container
    string,        // between characters
    continuation,  // inside a multi-byte character of a string
    escape,        // behind '\'
    hex,           // inside \uXXXX
    literal,       // inside true, false, null
    minus,
    zero,
    integer,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits,
    done
  };
  /// UTF-16 halves written as \uXXXX come in pairs.
  enum class Surrogate : std::uint8_t { none, reading_high, wants_low, reading_low };

  bool step_structure(std::uint8_t byte);
  bool step_space(std::uint8_t byte);
  bool step_string(std::uint8_t byte);
  bool step_hex(std::uint8_t byte);
  bool step_number(std::uint8_t byte);
  bool begin_value(std::uint8_t byte);
  bool begin_character(std::uint8_t byte);
  bool open(bool object);
  bool close(bool object);
  void end_value();
  bool inside_object() const { return depth_ > 0 && (objects_ >> (depth_ - 1) & 1); }

  std::uint64_t objects_ = 0;  // bit i: container i is an object, else an array
  const char* rest_ = "";      // of a literal
  std::uint8_t depth_ = 0;
  std::uint8_t blanks_ = 0;          // in a row
  std::uint8_t remaining_ = 0;       // continuation bytes or hexadecimal digits
  std::uint8_t low_ = 0, high_ = 0;  // range of the next continuation byte
  Mode mode_ = Mode::value;
  Surrogate surrogate_ = Surrogate::none;
  bool is_key_ = false;
  bool has_break_ = false;  // in this run of white space
  Root root_;
};

}  // namespace llm::grammar
