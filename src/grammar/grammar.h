// A compiled grammar, and the place in a text that a sequence has reached in it.
// Start at expression.h (what can be said), then filter.h (how it steers sampling).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/token.h"
#include "grammar/expression.h"

namespace llm::grammar {

/// Immutable; shared between threads and sequences.
class Grammar {
 public:
  virtual ~Grammar() = default;
  /// Bytes that it occupies, caches included.
  virtual std::size_t memory() const = 0;
};

/// Throws GrammarError: left recursion, an undefined rule, too large. Time and memory are bounded
/// whatever the request says.
std::shared_ptr<const Grammar> compile(const Expressions& expressions, Expr root);

/// Where a text stands. Cheap to copy; never moves backwards.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Grammar> grammar);
  Matcher(const Matcher&);
  Matcher& operator=(const Matcher&);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  /// False when the byte cannot follow; the matcher is dead then.
  bool step(std::uint8_t byte);
  /// How many bytes of `text` were taken: text.size() unless the next one is refused.
  std::size_t feed(std::string_view text);
  /// A token item.
  bool step_token(TokenId token);
  /// A token by its text or by its id, whatever the grammar asks for here.
  bool step_token(TokenId token, std::string_view text);
  /// The text so far is complete.
  bool is_accepting() const;
  bool is_dead() const;
  /// The bytes that must come next, as far as only one can (at most `limit`); empty where several
  /// may, or where the text may end here.
  std::string forced(std::size_t limit) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::grammar
