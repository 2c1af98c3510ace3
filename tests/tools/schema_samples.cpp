// Prints random texts of JSON schemas, one line {"schema": index, "text": ...} each, for a check by
// an independent validator. Arguments: a file with a list of schemas, texts for each, a seed.
#include <iostream>

#include "grammar/json_schema.h"
#include "sampler.h"
#include "shared_files.h"

namespace {

using namespace llm;

/// The number of dead ends, which no grammar should have.
int print_samples(const Json& schema, int index, int count, unsigned seed) {
  grammar::Expressions expressions;
  const grammar::Expr root = grammar::add_json_schema(expressions, schema, {});
  test::Sampler sampler(grammar::compile(expressions, root), seed);
  int failures = 0;
  for (int i = 0; i < count; ++i) {
    bool dead_end = false;
    const auto text = sampler.sample(60, dead_end);
    if (!text) continue;  // a walk that has not found the end, such as of a rare word
    if (dead_end) {
      std::cerr << "schema " << index << " leads nowhere: " << *text << '\n';
      ++failures;
      continue;
    }
    const Json line = {{"schema", index}, {"text", *text}};
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  return failures;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: schema_samples SCHEMAS.json COUNT SEED\n";
    return 2;
  }
  const Json schemas = Json::parse(test::read_file(argv[1]));
  int failures = 0, index = 0;
  for (const Json& schema : schemas) {
    try {
      failures += print_samples(schema, index, std::stoi(argv[2]),
                                static_cast<unsigned>(std::stoul(argv[3])) + index);
    } catch (const grammar::GrammarError& error) {
      std::cerr << "schema " << index << ": " << error.what() << '\n';
      ++failures;
    }
    ++index;
  }
  return failures > 0;
}
