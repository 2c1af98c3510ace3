// Values as models write them, read character by character and turned into JSON text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::chat {

enum class ValueSyntax : std::uint8_t {
  json,    // also with Python's literals and quotes; white space and numbers stay as they are
  python,  // also tuples
  gemma    // unquoted keys and words, strings between <|"|>
};

/// Reads one value. What put() gives out can always be completed to a JSON text by close().
class ValueReader {
 public:
  enum class Step : std::uint8_t {
    more,
    done,      // the character ended the value and belongs to it
    past_end,  // the value ended before the character
    failed     // no value goes on like this; the character was not read
  };
  static constexpr std::size_t kMaxDepth = 256;
  /// How far a number has come.
  enum class Number : std::uint8_t {
    none,
    start,
    minus,
    zero,
    integer,
    point,
    fraction,
    power,
    sign,
    exponent
  };

  explicit ValueReader(ValueSyntax syntax) : syntax_(syntax) {}

  Step put(char c, std::string& out);
  /// The text ends here: gives out what completes the value to JSON. False when there is no value
  /// at all, or an unfinished word.
  bool close(std::string& out);
  bool begun() const { return state_ != State::value || !stack_.empty(); }

 private:
  enum class State : std::uint8_t {
    value,       // a value must come
    first_item,  // ... or the end of the array
    first_key,   // a key, or the end of the object
    key,         // a key; the end as well (behind a last comma)
    colon,
    behind_value,  // comma or end
    text,          // in a string
    escape,        // behind its backslash
    code_unit,     // in the digits of an escape
    word,          // number, literal, unquoted text
    bare_key,      // unquoted key
    over
  };

  Step put_structure(char c, std::string& out);
  Step put_text(char c, std::string& out);
  Step put_escape(char c, std::string& out);
  Step put_code_unit(char c, std::string& out);
  Step put_word(char c, std::string& out);
  Step begin_value(char c, std::string& out);
  Step end_container(char c, std::string& out);
  Step end_value();
  Step open(char kind, std::string& out);
  void begin_text(std::string_view quote, std::string& out);
  void end_code_unit(std::string& out);
  void flush(std::string& out);
  bool is_closer(char c) const;

  ValueSyntax syntax_;
  State state_ = State::value;
  std::string stack_;    // of open containers: '{', '['
  std::string held_;     // comma and white space, parts of a word or of a closing quote
  std::string quote_;    // that ends the string
  bool is_key_ = false;  // the string is one
  bool comma_ = false;   // held_ begins with a comma that is not yet given out
  Number number_ = Number::none;
  // An escape of a code unit.
  int digits_ = 0;
  std::uint32_t code_ = 0, high_surrogate_ = 0;
};

/// `text` as a JSON text, when it is a single value of `syntax`.
bool to_json(std::string_view text, ValueSyntax syntax, std::string& out);
/// Appends `text` with the escapes of a JSON string, without quotes.
void append_escaped(std::string_view text, std::string& out);
std::string json_string(std::string_view text);

}  // namespace llm::chat
