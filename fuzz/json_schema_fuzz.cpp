// A schema, or a pattern in a string, must end in a grammar or an error, quickly; and a grammar
// must be one that texts can be fed to.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "grammar/grammar.h"
#include "grammar/json_schema.h"
#include "grammar/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const llm::Json schema = llm::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    llm::grammar::Expressions expressions;
    const llm::grammar::Expr root =
        schema.is_discarded() ? add_regex(expressions, text, llm::grammar::RegexUse::json_string)
                              : add_json_schema(expressions, schema, {});
    llm::grammar::Matcher matcher(compile(expressions, root));
    matcher.feed("{\"a\": [1, \"b\"]}");
  } catch (const llm::Error&) {
    // the usual end
  }
  return 0;
}
