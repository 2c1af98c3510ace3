// A compiled grammar from inside the room.
#pragma once

#include <memory>
#include <mutex>

#include "grammar/automaton/automaton.h"
#include "grammar/grammar.h"

namespace llm::grammar {

class CompiledGrammar final : public Grammar {
 public:
  explicit CompiledGrammar(Program program);
  std::size_t memory() const override;
  /// The automaton that new states belong into; `full` is one that has grown too large. Masks hang
  /// on states, so every vocabulary (by its id) has an automaton of its own.
  std::shared_ptr<Automaton> automaton(std::uint64_t vocabulary = 0) const;

 private:
  std::shared_ptr<const Program> program_;
  std::size_t program_bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::pair<std::uint64_t, std::shared_ptr<Automaton>>> automata_;
};

/// A state and the automaton that it belongs to. Cheap to copy.
class Place {
 public:
  Place() = default;
  Place(std::shared_ptr<const Grammar> grammar, std::uint64_t vocabulary);

  const State* state() const { return state_; }
  Automaton& automaton() const { return *automaton_; }
  bool is_dead() const { return state_->is_dead(); }
  bool is_accepting() const { return state_->is_accepting; }
  void move_to(const State* state) { state_ = state; }
  /// Leaves an automaton that has grown too large.
  void refresh() {
    if (automaton_->is_full()) move_over();
  }

  bool step(std::uint8_t byte) {
    state_ = automaton_->step(state_, byte);
    return !state_->is_dead();
  }
  /// A token by its text or by its id, whatever fits (or both).
  bool step_token(TokenId token, std::string_view text);
  std::size_t feed(std::string_view text);
  std::string forced(std::size_t limit) const;

 private:
  void move_over();

  std::shared_ptr<const CompiledGrammar> grammar_;
  std::uint64_t vocabulary_ = 0;
  std::shared_ptr<Automaton> automaton_;
  const State* state_ = nullptr;
};

}  // namespace llm::grammar
