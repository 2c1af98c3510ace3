// A pattern and a text behind a line of its own ("===="): the pattern must end in an expression or
// an error that says where, for texts as they are and for JSON strings.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "grammar/grammar.h"
#include "grammar/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm::grammar;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find("\n====\n");
  const std::string_view text =
      cut == std::string_view::npos ? std::string_view() : input.substr(cut + 6);
  for (const RegexUse use : {RegexUse::plain, RegexUse::json_string}) {
    try {
      Expressions expressions;
      Matcher matcher(compile(expressions, add_regex(expressions, input.substr(0, cut), use)));
      matcher.feed(text);
      matcher.forced(64);
    } catch (const GrammarError&) {
      // the usual end
    }
  }
  return 0;
}
