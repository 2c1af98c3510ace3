#include "chat/jinja/program.h"

#include <algorithm>
#include <new>
#include <vector>

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

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

/// The first statement that names `name`, when it and all behind it may run twice.
std::size_t first_repeatable(const SyntaxTree& tree, NameId name) {
  std::size_t first = tree.body.size();
  for (std::size_t i = tree.body.size(); i-- > 0;) {
    const Outline& outline = tree.outlines[i];
    const bool names_it =
        std::find(outline.names.begin(), outline.names.end(), name) != outline.names.end();
    if (names_it) first = i;
  }
  for (std::size_t i = first; i < tree.body.size(); ++i)
    if (!tree.outlines[i].is_repeatable) return kNowhere;
  return first;
}

}  // namespace

Program::Program(std::string_view source)
    : source_(normalized_source(source)),
      tree_(std::make_unique<const SyntaxTree>(parse(source_))) {}

Program::~Program() = default;
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;

template <class Run>
auto Program::evaluate(std::span<const Variable> variables, std::int64_t now_unix_s,
                       const Limits& limits, std::span<const std::string_view> harmless,
                       Run run) const {
  Evaluator evaluator(*tree_, limits, now_unix_s);
  evaluator.harmless = harmless;
  // A long conversation may take longer than a short one.
  for (const Variable& variable : variables) evaluator.grant_input(size_of(*variable.value));
  try {
    return run(evaluator);
  } catch (const Failure& failure) {
    const auto [line, column] = position(source_, evaluator.at());
    throw Failure(failure.kind, failure.what(), line, column);
  } catch (const std::bad_alloc&) {
    throw Failure(FailureKind::runtime, "the template needs more memory than there is");
  }
}

std::string Program::render(std::span<const Variable> variables, std::int64_t now_unix_s,
                            const Limits& limits,
                            std::span<const std::string_view> harmless) const {
  return evaluate(variables, now_unix_s, limits, harmless,
                  [&](Evaluator& evaluator) { return evaluator.run(variables); });
}

Program::Texts Program::render_both(std::span<const Variable> variables, std::string_view flag,
                                    std::int64_t now_unix_s, const Limits& limits,
                                    std::span<const std::string_view> harmless) const {
  const auto name = std::find(tree_->names.begin(), tree_->names.end(), flag);
  if (name == tree_->names.end()) {
    std::string text = render(variables, now_unix_s, limits, harmless);
    return {text, text};
  }
  const auto id = static_cast<NameId>(name - tree_->names.begin());
  const std::size_t first = first_repeatable(*tree_, id);
  if (first == kNowhere) {
    const Json yes = true;
    std::vector<Variable> with(variables.begin(), variables.end());
    with.push_back({flag, &yes});
    std::string text = render(with, now_unix_s, limits, harmless);
    return {std::move(text), render(variables, now_unix_s, limits, harmless)};
  }
  return evaluate(variables, now_unix_s, limits, harmless,
                  [&](Evaluator& evaluator) { return evaluator.run_both(variables, id, first); });
}

bool Program::mentions(std::string_view variable) const {
  return std::find(tree_->names.begin(), tree_->names.end(), variable) != tree_->names.end();
}

}  // namespace llm::chat::jinja
