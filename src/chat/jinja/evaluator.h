// Walks the syntax tree and writes the output. One evaluator does one rendering.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chat/jinja/program.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/syntax.h"

namespace llm::chat::jinja {

/// Variables of a loop body, a macro and the like. What is not found here is looked up in the
/// parent, at last among the variables of the module, which the evaluator keeps by NameId.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}

  Value* find(NameId id) {
    if (!(names_ >> (id % 64) & 1)) return nullptr;
    for (auto& [name, value] : variables_)
      if (name == id) return &value;
    return nullptr;
  }
  void set(NameId id, Value value);
  void clear() {
    names_ = 0;
    variables_.clear();
  }

  std::shared_ptr<Scope> parent;  // null: the module

 private:
  std::uint64_t names_ = 0;  // a bit for each id modulo 64: most scopes are passed by at a look
  std::vector<std::pair<NameId, Value>> variables_;
};
using ScopePtr = std::shared_ptr<Scope>;

class Evaluator final : public Runtime {
 public:
  Evaluator(const SyntaxTree& tree, const Limits& limits, std::int64_t now_unix_s)
      : Runtime(limits, now_unix_s), tree_(tree) {}
  ~Evaluator() override;

  std::string run(std::span<const Variable> variables);
  /// The text with the variable `flag` true, and without. The statements from number `first` on run
  /// twice; they are repeatable, and those before do not name the flag.
  Program::Texts run_both(std::span<const Variable> variables, NameId flag, std::size_t first);
  /// Offset in the source of what was done last.
  std::uint32_t at() const { return at_; }

  // For macros and loops, which call back.
  Value invoke(const MacroSignature& signature, const ScopePtr& closure,
               const Arguments& arguments);
  Value recurse(const For& node, const Value& items, const ScopePtr& closure, int depth);

 private:
  enum class Flow { next, leave_loop, next_iteration };

  void execute_part(std::size_t begin, std::size_t end, std::string& text);
  void load(std::span<const Variable> variables);
  Value load(const std::string& name, std::span<const Variable> variables);
  Value& variable(NameId id);
  void assign(NameId id, Value value);
  void assign(const Target& target, const Value& value);
  void unpack(const Target& target, const Value& value);
  void write(std::string_view text);

  /// The output of `work` as text of its own.
  template <class Work>
  std::string captured(Work work);
  /// Runs `work` with variables of its own.
  template <class Work>
  auto scoped(ScopePtr&& scope, Work work) {
    return scoped(scope, work);
  }
  /// `scope` is another one meanwhile.
  template <class Work>
  auto scoped(ScopePtr& scope, Work work);
  ScopePtr inner() { return std::make_shared<Scope>(scope_); }
  void keep(const ScopePtr& scope);

  Flow execute(const Body& body);
  Flow execute(const Node& node);
  Flow execute_if(const If& node);
  Flow execute_for(const For& node, const Value& iterable, int depth);
  void execute_body(const For& node, std::vector<Value> items, int depth);
  /// Does the body `count` times, until it is left; `begin_round` sets the variables of a round.
  /// Returns the number of rounds that were done to the end.
  template <class Begin>
  std::size_t repeat(const For& node, std::size_t count, Begin begin_round);
  std::vector<Value> filtered(const For& node, std::vector<Value> items);
  void execute_block_assignment(const BlockAssignment& node);
  void define(const Macro& node);
  void execute_call_block(const CallBlock& node);
  void execute_filter_block(const FilterBlock& node);
  Flow execute_with(const With& node);
  Value run_filters(const std::vector<std::unique_ptr<Filter>>& filters, std::string text);

  Value evaluate(const Expr& expr);
  /// The same without a copy of what is there already: variables and literals. Good until the next
  /// statement; what had to be made is kept in `made`.
  const Value& look_at(const Expr& expr, Value& made);
  /// The same without a copy of parts of values, too. Good until anything else is evaluated.
  const Value& peek(const Expr& expr, Value& made);
  const Value& peek_attribute(const Attribute& expr, Value& made);
  const Value& peek_subscript(const Subscript& expr, Value& made);
  Value compute(const Expr& expr);
  /// Whether `expr` is true, without making values of the answers in between.
  bool holds(const Expr& expr);
  Value evaluate_items(const Items& expr);
  Value evaluate_dict(const DictDisplay& expr);
  Value evaluate_unary(const Unary& expr);
  Value evaluate_binary(const Binary& expr);
  Value evaluate_concat(const Concat& expr);
  Value evaluate_logical(const Logical& expr);
  bool evaluate_comparison(const ComparisonChain& expr);
  Value evaluate_conditional(const Conditional& expr);
  Value evaluate_slice(const Slice& expr);
  Value evaluate_call(const Call& expr, const MacroSignature* caller = nullptr);
  Value evaluate_filter(const Filter& expr, const Value& input);
  bool evaluate_test(const Test& expr);
  Arguments evaluate_arguments(const CallArguments& arguments);
  void add_more(const CallArguments& arguments, Arguments& out);

  const SyntaxTree& tree_;
  std::vector<Value> module_;  // by NameId
  ScopePtr scope_;             // null: the module
  std::string* out_ = nullptr;
  std::uint32_t at_ = 0;
  // Scopes that macros and recursive loops hold; emptied at the end, since a scope that holds a
  // macro that holds the scope would never go away.
  std::vector<ScopePtr> kept_;
};

}  // namespace llm::chat::jinja
