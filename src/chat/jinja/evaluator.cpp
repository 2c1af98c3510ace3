// Statements. Expressions are in evaluate_expression.cpp.
#include "chat/jinja/evaluator.h"

#include <algorithm>

#include "chat/jinja/builtins.h"
#include "chat/jinja/macro_value.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {

void Scope::set(NameId id, Value value) {
  if (Value* held = find(id)) {
    *held = std::move(value);
    return;
  }
  names_ |= std::uint64_t{1} << (id % 64);
  variables_.emplace_back(id, std::move(value));
}

Evaluator::~Evaluator() {
  for (const ScopePtr& scope : kept_) scope->clear();
  module_.clear();
  release_tracked();
}

std::string Evaluator::run(std::span<const Variable> variables) {
  load(variables);
  std::string text;
  execute_part(0, tree_.body.size(), text);
  return text;
}

Program::Texts Evaluator::run_both(std::span<const Variable> variables, NameId flag,
                                   std::size_t first) {
  load(variables);
  Program::Texts texts;
  execute_part(0, first, texts.without);
  texts.with = texts.without;
  std::vector<Value> module = module_;
  const Spent before = spent();
  module_[flag] = true;
  execute_part(first, tree_.body.size(), texts.with);
  module_ = std::move(module);
  rewind(before);
  execute_part(first, tree_.body.size(), texts.without);
  return texts;
}

void Evaluator::execute_part(std::size_t begin, std::size_t end, std::string& text) {
  out_ = &text;
  for (std::size_t i = begin; i < end; ++i) execute(*tree_.body[i]);
  out_ = nullptr;
}

void Evaluator::load(std::span<const Variable> variables) {
  module_.reserve(tree_.names.size());
  for (const std::string& name : tree_.names) module_.push_back(load(name, variables));
}

Value Evaluator::load(const std::string& name, std::span<const Variable> variables) {
  for (std::size_t i = variables.size(); i-- > 0;)
    if (variables[i].name == name) return from_json(*this, *variables[i].value);
  Value global = find_global(name);
  return global.is_undefined() ? Value::undefined_name(&name) : global;
}

Value& Evaluator::variable(NameId id) {
  for (Scope* scope = scope_.get(); scope; scope = scope->parent.get())
    if (Value* value = scope->find(id)) return *value;
  return module_[id];
}

void Evaluator::assign(NameId id, Value value) {
  if (scope_) {
    scope_->set(id, std::move(value));
  } else {
    module_[id] = std::move(value);
  }
}

void Evaluator::assign(const Target& target, const Value& value) {
  at_ = target.at;
  if (target.is_tuple) return unpack(target, value);
  if (target.attribute.empty()) return assign(target.name, value);
  const Value object = variable(target.name);
  if (!object.is(Kind::name_space)) refuse("cannot assign attribute on non-namespace object");
  charge(sizeof(Value));
  object.name_space().set(target.attribute, value);
}

void Evaluator::unpack(const Target& target, const Value& value) {
  const std::vector<Value> parts = iterate(*this, value);
  if (parts.size() != target.parts.size())
    refuse("{} values to unpack (expected {}, got {})",
           parts.size() < target.parts.size() ? "not enough" : "too many", target.parts.size(),
           parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) assign(target.parts[i], parts[i]);
}

void Evaluator::write(std::string_view text) {
  charge(text.size());
  *out_ += text;
}

template <class Work>
std::string Evaluator::captured(Work work) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  work();
  out_ = outer;
  return text;
}

template <class Work>
auto Evaluator::scoped(ScopePtr& scope, Work work) {
  scope_.swap(scope);
  auto result = work();
  scope_.swap(scope);
  return result;
}

void Evaluator::keep(const ScopePtr& scope) {
  step();
  if (scope && (kept_.empty() || kept_.back() != scope)) kept_.push_back(scope);
}

Evaluator::Flow Evaluator::execute(const Body& body) {
  for (const NodePtr& node : body)
    if (const Flow flow = execute(*node); flow != Flow::next) return flow;
  return Flow::next;
}

Evaluator::Flow Evaluator::execute(const Node& node) {
  const Nested nested(*this);
  step();
  at_ = node.at;
  switch (node.kind) {
    case NodeKind::text:
      write(static_cast<const TextNode&>(node).text);
      return Flow::next;
    case NodeKind::output: {
      Value made;
      const Value& value = peek(*static_cast<const Output&>(node).value, made);
      append_text(*this, *out_, value);
      return Flow::next;
    }
    case NodeKind::conditional:
      return execute_if(static_cast<const If&>(node));
    case NodeKind::loop: {
      const auto& loop = static_cast<const For&>(node);
      Value made;
      return execute_for(loop, look_at(*loop.iterable, made), 0);
    }
    case NodeKind::assignment: {
      const auto& assignment = static_cast<const Assignment&>(node);
      assign(assignment.target, evaluate(*assignment.value));
      return Flow::next;
    }
    case NodeKind::block_assignment:
      execute_block_assignment(static_cast<const BlockAssignment&>(node));
      return Flow::next;
    case NodeKind::macro:
      define(static_cast<const Macro&>(node));
      return Flow::next;
    case NodeKind::call_block:
      execute_call_block(static_cast<const CallBlock&>(node));
      return Flow::next;
    case NodeKind::filter_block:
      execute_filter_block(static_cast<const FilterBlock&>(node));
      return Flow::next;
    case NodeKind::with:
      return execute_with(static_cast<const With&>(node));
    case NodeKind::scope:
      return scoped(inner(), [&] { return execute(static_cast<const ScopeNode&>(node).body); });
    case NodeKind::jump:
      return static_cast<const Jump&>(node).leaves ? Flow::leave_loop : Flow::next_iteration;
  }
  return Flow::next;
}

Evaluator::Flow Evaluator::execute_if(const If& node) {
  for (const auto& [condition, body] : node.branches)
    if (holds(*condition)) return execute(body);
  return execute(node.otherwise);
}

Evaluator::Flow Evaluator::execute_for(const For& node, const Value& iterable, int depth) {
  at_ = node.iterable->at;
  if (iterable.is(Kind::range) && !node.uses_loop && !node.condition &&
      iterable.range().size() > 0) {
    // The numbers are made one by one.
    const auto count = static_cast<std::size_t>(iterable.range().size());
    const std::int64_t start = iterable.range().start, step_size = iterable.range().step;
    charge_items(count);
    repeat(node, count, [&](std::size_t i) {
      assign(node.target, start + static_cast<std::int64_t>(i) * step_size);
    });
    return Flow::next;
  }
  std::vector<Value> items = iterate(*this, iterable);
  if (node.condition) items = filtered(node, std::move(items));
  if (items.empty()) return scoped(inner(), [&] { return execute(node.otherwise); });
  execute_body(node, std::move(items), depth);
  return Flow::next;
}

std::vector<Value> Evaluator::filtered(const For& node, std::vector<Value> items) {
  std::vector<Value> kept;
  for (const Value& item : items) {
    const bool wanted = scoped(inner(), [&] {
      assign(node.target, item);
      return holds(*node.condition);
    });
    if (wanted) kept.push_back(item);
  }
  return kept;
}

void Evaluator::execute_body(const For& node, std::vector<Value> items, int depth) {
  if (!node.uses_loop) {
    repeat(node, items.size(), [&](std::size_t i) { assign(node.target, items[i]); });
    return;
  }
  const auto loop = std::make_shared<LoopValue>(*this, node, scope_);
  if (node.recursive) keep(scope_);
  loop->items = std::move(items);
  loop->depth = depth;
  const Value loop_value(Kind::loop, loop);
  loop->index = repeat(node, loop->items.size(), [&](std::size_t i) {
    loop->index = i;
    assign(kLoopName, loop_value);
    assign(node.target, loop->items[i]);
  });
}

template <class Begin>
std::size_t Evaluator::repeat(const For& node, std::size_t count, Begin begin_round) {
  const ScopePtr outer = scope_;
  ScopePtr scope;
  for (std::size_t i = 0; i < count; ++i) {
    step();
    // A round's variables are its own: the scope is used again unless a macro has kept it.
    if (scope.use_count() == 1) {
      scope->clear();
    } else {
      scope = std::make_shared<Scope>(outer);
    }
    const Flow flow = scoped(scope, [&] {
      begin_round(i);
      return execute(node.body);
    });
    if (flow == Flow::leave_loop) return i;
  }
  return count;
}

void Evaluator::execute_block_assignment(const BlockAssignment& node) {
  std::string text = captured([&] { scoped(inner(), [&] { return execute(node.body); }); });
  assign(node.target, run_filters(node.filters, std::move(text)));
}

Value Evaluator::run_filters(const std::vector<std::unique_ptr<Filter>>& filters,
                             std::string text_of_block) {
  Value value = text(std::move(text_of_block));
  for (const auto& filter : filters) value = evaluate_filter(*filter, value);
  return value;
}

void Evaluator::define(const Macro& node) {
  keep(scope_);
  assign(node.name,
         Value(Kind::callable, std::make_shared<MacroValue>(*this, node.signature, scope_)));
}

void Evaluator::execute_call_block(const CallBlock& node) {
  append_text(*this, *out_, evaluate_call(*node.call, &node.caller));
}

void Evaluator::execute_filter_block(const FilterBlock& node) {
  std::string text = captured([&] { scoped(inner(), [&] { return execute(node.body); }); });
  append_text(*this, *out_, run_filters(node.filters, std::move(text)));
}

Evaluator::Flow Evaluator::execute_with(const With& node) {
  std::vector<Value> values;  // all are evaluated outside of the new scope
  for (const auto& assignment : node.assignments) values.push_back(evaluate(*assignment.second));
  return scoped(inner(), [&] {
    for (std::size_t i = 0; i < values.size(); ++i) assign(node.assignments[i].first, values[i]);
    return execute(node.body);
  });
}

Value Evaluator::invoke(const MacroSignature& signature, const ScopePtr& closure,
                        const Arguments& arguments) {
  const MacroBinding binding(signature, tree_.names, arguments);
  return scoped(std::make_shared<Scope>(closure), [&] {
    for (std::size_t i = 0; i < signature.parameters.size(); ++i) {
      const Parameter& parameter = signature.parameters[i];
      if (binding.values[i]) {
        assign(parameter.name, *binding.values[i]);
      } else if (parameter.default_value) {
        assign(parameter.name, evaluate(*parameter.default_value));
      } else {
        assign(parameter.name, Value::undefined("parameter '" + tree_.names[parameter.name] +
                                                "' was not provided"));
      }
    }
    if (signature.uses_varargs) assign(kVarargsName, make_tuple(binding.varargs));
    if (signature.uses_kwargs) assign(kKwargsName, binding.kwargs);
    if (signature.uses_caller) assign(kCallerName, binding.caller);
    return text(captured([&] { execute(signature.body); }));
  });
}

Value Evaluator::recurse(const For& node, const Value& items, const ScopePtr& closure, int depth) {
  if (!node.recursive) refuse("only a loop that is marked 'recursive' can be called");
  return scoped(ScopePtr(closure),
                [&] { return text(captured([&] { execute_for(node, items, depth); })); });
}

}  // namespace llm::chat::jinja
