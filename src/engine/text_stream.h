// From tokens to the text a client may see: whole characters only, nothing of a stop string, and
// the limits that depend on text (indentation, newline). Knows no engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace llm {

class TextStream {
 public:
  /// stops: not empty. min_indent > 0 ends the text at the first later line that is indented less.
  TextStream(const Tokenizer& tokenizer, bool show_special, std::vector<std::string> stops,
             int min_indent = 0);

  struct Step {
    std::string text;                      // safe to show now
    std::optional<std::string> stop_word;  // a stop string was found; text ends in front of it
    bool has_newline = false;              // in `text`
    bool is_indent_too_small = false;      // text ends in front of the offending line's content
  };
  Step push(TokenId token) { return add(detokenizer_.push(token)); }
  /// A control token that is shown although others are not.
  Step push_shown(TokenId token) { return add(detokenizer_.push(token, true)); }
  /// The withheld rest, when the generation ended for another reason.
  std::string finish();

  bool has_new_line() const { return has_new_line_; }

 private:
  Step add(std::string text);
  Step release(std::string text);
  /// Bytes of `withheld_` from which on a stop string may still grow.
  std::size_t safe_length() const;
  /// Where the first line that is indented too little begins its content; npos: nowhere.
  std::size_t find_small_indent(std::string_view text);

  DetokenizerStream detokenizer_;
  std::vector<std::string> stops_;
  std::string withheld_;
  int min_indent_;
  int indent_ = 0;
  bool at_line_start_ = false;  // the first line has no beginning of its own
  bool has_new_line_ = false;
};

}  // namespace llm
