// A Jinja template: compiled once, rendered any number of times from any thread.
// The language is Jinja2's as Hugging Face transformers sets it up for chat templates.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "chat/jinja/runtime.h"

namespace llm::chat::jinja {

struct SyntaxTree;

/// A variable of one rendering; what it points to must live until render() returns.
struct Variable {
  std::string_view name;
  const Json* value;
};

class Program {
 public:
  /// Throws Failure (syntax) with line and column.
  explicit Program(std::string_view source);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  /// Of several variables of one name the last counts. Throws Failure (raise or runtime).
  /// Exceptions whose text begins with one of `harmless` are not raised.
  std::string render(std::span<const Variable> variables, std::int64_t now_unix_s,
                     const Limits& limits = {},
                     std::span<const std::string_view> harmless = {}) const;

  struct Texts {
    std::string with, without;
  };
  /// Two renderings at once: with the variable `flag` true, and without it. `variables` do not name
  /// it. What the template does before it looks at the flag is done once where possible.
  Texts render_both(std::span<const Variable> variables, std::string_view flag,
                    std::int64_t now_unix_s, const Limits& limits = {},
                    std::span<const std::string_view> harmless = {}) const;

  /// True when the template names the variable anywhere.
  bool mentions(std::string_view variable) const;

 private:
  template <class Run>
  auto evaluate(std::span<const Variable> variables, std::int64_t now_unix_s, const Limits& limits,
                std::span<const std::string_view> harmless, Run run) const;

  std::string source_;  // normalised
  std::unique_ptr<const SyntaxTree> tree_;
};

}  // namespace llm::chat::jinja
