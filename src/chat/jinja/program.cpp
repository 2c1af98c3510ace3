#include "chat/jinja/program.h"

#include <algorithm>
#include <new>

#include "chat/jinja/evaluator.h"
#include "chat/jinja/lexer.h"
#include "chat/jinja/parser.h"

namespace llm::chat::jinja {

namespace {

/// About the bytes of all texts in a value, numbers and brackets as a few each.
std::uint64_t size_of(const Json& value) {
  std::uint64_t bytes = 8;
  if (value.is_string()) return bytes + value.get_ref<const std::string&>().size();
  for (const auto& [key, item] : value.items()) {
    if (!value.is_structured()) break;
    bytes += key.size() + size_of(item);
  }
  return bytes;
}

}  // namespace

Program::Program(std::string_view source)
    : source_(normalized_source(source)),
      tree_(std::make_unique<const SyntaxTree>(parse(source_))) {}

Program::~Program() = default;
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;

std::string Program::render(std::span<const Variable> variables, std::int64_t now_unix_s,
                            const Limits& limits,
                            std::span<const std::string_view> harmless) const {
  Evaluator evaluator(*tree_, limits, now_unix_s);
  evaluator.harmless = harmless;
  // A long conversation may take longer than a short one.
  for (const Variable& variable : variables) evaluator.grant_input(size_of(*variable.value));
  try {
    return evaluator.run(variables);
  } catch (const Failure& failure) {
    const auto [line, column] = position(source_, evaluator.at());
    throw Failure(failure.kind, failure.what(), line, column);
  } catch (const std::bad_alloc&) {
    throw Failure(FailureKind::runtime, "the template needs more memory than there is");
  }
}

bool Program::mentions(std::string_view variable) const {
  return std::find(tree_->names.begin(), tree_->names.end(), variable) != tree_->names.end();
}

}  // namespace llm::chat::jinja
