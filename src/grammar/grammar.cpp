#include "grammar/grammar.h"

#include "grammar/automaton/compiled.h"

namespace llm::grammar {
namespace {

std::size_t bytes_of(const Program& program) {
  std::size_t bytes = sizeof(Program) + program.positions.capacity() * sizeof(Position) +
                      program.edges.capacity() * sizeof(ByteEdge) +
                      program.targets.capacity() * sizeof(std::int32_t) +
                      program.regions.capacity() * sizeof(Region);
  for (const Region& region : program.regions) {
    bytes += region.members.size() * sizeof(std::int32_t) + region.required.size() * 8;
  }
  return bytes;
}

}  // namespace

CompiledGrammar::CompiledGrammar(Program program)
    : program_(std::make_shared<const Program>(std::move(program))),
      program_bytes_(bytes_of(*program_)) {}

std::size_t CompiledGrammar::memory() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = sizeof(CompiledGrammar) + program_bytes_;
  for (const auto& [vocabulary, automaton] : automata_) bytes += automaton->bytes();
  return bytes;
}

std::shared_ptr<Automaton> CompiledGrammar::automaton(std::uint64_t vocabulary) const {
  const std::lock_guard lock(mutex_);
  for (auto& [id, automaton] : automata_) {
    if (id != vocabulary) continue;
    if (automaton->is_full()) automaton = std::make_shared<Automaton>(program_);
    return automaton;
  }
  automata_.emplace_back(vocabulary, std::make_shared<Automaton>(program_));
  return automata_.back().second;
}

Place::Place(std::shared_ptr<const Grammar> grammar, std::uint64_t vocabulary)
    : grammar_(std::static_pointer_cast<const CompiledGrammar>(std::move(grammar))),
      vocabulary_(vocabulary),
      automaton_(grammar_->automaton(vocabulary)),
      state_(automaton_->start()) {}

void Place::move_over() {
  std::shared_ptr<Automaton> next = grammar_->automaton(vocabulary_);
  if (next == automaton_) return;
  state_ = next->adopt(state_);
  automaton_ = std::move(next);
}

bool Place::step_token(TokenId token, std::string_view text) {
  const State* by_id = automaton_->step_token(state_, token);
  const State* by_text = automaton_->dead();
  if (!text.empty()) {
    by_text = state_;
    for (const char c : text) {
      by_text = automaton_->step(by_text, static_cast<std::uint8_t>(c));
      if (by_text->is_dead()) break;
    }
  }
  state_ = automaton_->join(by_text, by_id);
  return !state_->is_dead();
}

std::size_t Place::feed(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 256 == 0) refresh();
    if (!step(static_cast<std::uint8_t>(text[i]))) return i;
  }
  return text.size();
}

std::string Place::forced(std::size_t limit) const {
  std::string text;
  const State* state = state_;
  while (text.size() < limit && !state->is_accepting && state->live_count == 1 &&
         !state->has_token_items) {
    int byte = 0;
    while (!state->reads(static_cast<std::uint8_t>(byte))) ++byte;
    state = automaton_->step(state, static_cast<std::uint8_t>(byte));
    if (state->is_dead()) break;
    text += static_cast<char>(byte);
  }
  return text;
}

std::shared_ptr<const Grammar> compile(const Expressions& expressions, Expr root) {
  return std::make_shared<const CompiledGrammar>(build_program(expressions, root));
}

struct Matcher::State : Place {
  using Place::Place;
};

Matcher::Matcher(std::shared_ptr<const Grammar> grammar)
    : state_(std::make_unique<State>(std::move(grammar), 0)) {}
Matcher::Matcher(const Matcher& other) : state_(std::make_unique<State>(*other.state_)) {}
Matcher& Matcher::operator=(const Matcher& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

bool Matcher::step(std::uint8_t byte) {
  state_->refresh();
  return state_->step(byte);
}

std::size_t Matcher::feed(std::string_view text) {
  return state_->feed(text);
}

bool Matcher::step_token(TokenId token) {
  state_->refresh();
  return state_->step_token(token, {});
}

bool Matcher::step_token(TokenId token, std::string_view text) {
  state_->refresh();
  return state_->step_token(token, text);
}

bool Matcher::is_accepting() const {
  return state_->is_accepting();
}
bool Matcher::is_dead() const {
  return state_->is_dead();
}
std::string Matcher::forced(std::size_t limit) const {
  return state_->forced(limit);
}

}  // namespace llm::grammar
