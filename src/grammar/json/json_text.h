// The pieces of JSON texts as expressions: white space, characters of strings, numbers, values.
//
// White space between symbols is nothing, one blank, or one or two line breaks and an indent of at
// most kMaxIndent; there is none before a comma, nor around the whole value. So every layout that
// models like can be written, and no endless one.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "grammar/expression.h"
#include "grammar/json_schema.h"
#include "grammar/regex/code_ranges.h"

namespace llm::grammar {

/// How characters are written.
enum class Spelling {
  plain,       // as they are
  json_string  // between the quotes of a JSON string
};

class JsonText {
 public:
  static constexpr int kMaxIndent = 20;
  static constexpr int kMaxDigits = 16;

  /// What ends a string of Gemma's notation.
  static constexpr char kGemmaQuote[] = "<|\"|>";

  explicit JsonText(Expressions& expressions, Notation notation = Notation::json)
      : out_(expressions), notation_(notation) {}

  Notation notation() const { return notation_; }
  Spelling string_spelling() const {
    return notation_ == Notation::gemma ? Spelling::plain : Spelling::json_string;
  }
  Expr quoted(Expr text);
  Expr key(const std::string& name);
  Expr any_key();
  /// A value that is no container, as it is written.
  std::string scalar(const Json& value) const;
  /// true, false or null.
  Expr word(const char* json_word);

  Expressions& expressions() { return out_; }

  Expr space();
  /// Any character of a string, escaped or not.
  Expr string_char();
  /// The characters of `set` in a string: escaped where they must be; those beyond ASCII also as
  /// \uXXXX where the set is simple.
  Expr string_char(const CodeRanges& set);
  Expr character(const CodeRanges& set, Spelling spelling);
  Expr string();
  Expr integer();
  Expr number();
  Expr value();
  Expr object();
  Expr array();
  /// `symbol`, then white space.
  Expr open(std::string_view symbol);
  /// White space, then `symbol`.
  Expr close(std::string_view symbol);
  /// A comma or a colon with the white space that it may have.
  Expr comma();
  Expr colon();
  /// "[ first, item, ... ]" with `minimum` to `maximum` items.
  Expr list(Expr item, int minimum, int maximum);
  /// Exactly this value, with optional white space inside of containers.
  Expr constant(const Json& value);
  /// A choice of texts that shares their beginnings.
  Expr one_of(std::vector<std::string> texts);

 private:
  Expr shared(const char* name, const std::function<Expr()>& make);
  Expr escaped_code(char32_t first, char32_t last);
  Expr hex_digit(int first, int last);
  Expr constant(const Json& value, int depth);
  Expr one_of(const std::vector<std::string>& texts, std::size_t first, std::size_t last,
              std::size_t from, int depth);

  Expressions& out_;
  Notation notation_;
  std::map<std::string, Expr> rules_;
  std::map<CodeRanges, Expr> classes_;
};

}  // namespace llm::grammar
