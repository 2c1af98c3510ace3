// A grammar and a text behind a line of its own ("===="): neither may crash, hang or eat memory.
#include <string_view>

#include "grammar/gbnf.h"
#include "grammar/grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm::grammar;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find("\n====\n");
  const std::string_view grammar = input.substr(0, cut);
  const std::string_view text =
      cut == std::string_view::npos ? std::string_view() : input.substr(cut + 6);
  try {
    Expressions expressions;
    const Expr root = add_gbnf(expressions, grammar);
    Matcher matcher(compile(expressions, root));
    matcher.feed(text);
    matcher.forced(64);
  } catch (const GrammarError&) {
  }
  return 0;
}
