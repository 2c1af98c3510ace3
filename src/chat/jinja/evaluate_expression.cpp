// Expressions.
#include "chat/jinja/builtins.h"
#include "chat/jinja/evaluator.h"
#include "chat/jinja/macro_value.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {

Value Evaluator::evaluate(const Expr& expr) {
  const Nested nested(*this);
  step();
  switch (expr.kind) {
    case ExprKind::literal:
      return static_cast<const Literal&>(expr).value;
    case ExprKind::name:
      return variable(static_cast<const Name&>(expr).id);
    case ExprKind::list:
    case ExprKind::tuple:
      return evaluate_items(static_cast<const Items&>(expr));
    case ExprKind::dict:
      return evaluate_dict(static_cast<const DictDisplay&>(expr));
    case ExprKind::unary:
      return evaluate_unary(static_cast<const Unary&>(expr));
    case ExprKind::binary:
      return evaluate_binary(static_cast<const Binary&>(expr));
    case ExprKind::concat:
      return evaluate_concat(static_cast<const Concat&>(expr));
    case ExprKind::logical:
      return evaluate_logical(static_cast<const Logical&>(expr));
    case ExprKind::comparison:
      return evaluate_comparison(static_cast<const ComparisonChain&>(expr));
    case ExprKind::conditional:
      return evaluate_conditional(static_cast<const Conditional&>(expr));
    case ExprKind::attribute:
      return evaluate_attribute(static_cast<const Attribute&>(expr));
    case ExprKind::subscript:
      return evaluate_subscript(static_cast<const Subscript&>(expr));
    case ExprKind::slice:
      return evaluate_slice(static_cast<const Slice&>(expr));
    case ExprKind::call:
      return evaluate_call(static_cast<const Call&>(expr));
    case ExprKind::filter: {
      const auto& filter = static_cast<const Filter&>(expr);
      Value made;
      return evaluate_filter(filter, look_at(*filter.input, made));
    }
    case ExprKind::test:
      return evaluate_test(static_cast<const Test&>(expr));
  }
  return {};
}

const Value& Evaluator::look_at(const Expr& expr, Value& made) {
  // Variables stay where they are while an expression is evaluated: only statements assign, and
  // those of a macro that is called have a scope of their own.
  if (expr.kind == ExprKind::name) {
    step();
    return variable(static_cast<const Name&>(expr).id);
  }
  if (expr.kind == ExprKind::literal) {
    step();
    return static_cast<const Literal&>(expr).value;
  }
  return made = evaluate(expr);
}

bool Evaluator::holds(const Expr& expr) {
  if (expr.kind == ExprKind::logical) {
    const auto& logical = static_cast<const Logical&>(expr);
    const Nested nested(*this);
    step();
    for (const ExprPtr& operand : logical.operands)
      if (holds(*operand) != logical.conjunction) return !logical.conjunction;
    return logical.conjunction;
  }
  if (expr.kind == ExprKind::unary) {
    const auto& unary = static_cast<const Unary&>(expr);
    if (unary.op == UnaryOperator::logical_not) {
      const Nested nested(*this);
      step();
      return !holds(*unary.operand);
    }
  }
  Value made;
  return truth(look_at(expr, made));
}

Value Evaluator::evaluate_items(const Items& expr) {
  std::vector<Value> items;
  items.reserve(expr.items.size());
  charge_items(expr.items.size() + 1);
  for (const ExprPtr& item : expr.items) items.push_back(evaluate(*item));
  return expr.kind == ExprKind::tuple ? make_tuple(std::move(items)) : make_list(std::move(items));
}

Value Evaluator::evaluate_dict(const DictDisplay& expr) {
  auto dict = std::make_shared<Dict>();
  for (const auto& [key_expr, value_expr] : expr.entries) {
    Value made;
    const Value& key = look_at(*key_expr, made);
    Value value = evaluate(*value_expr);
    at_ = expr.at;
    dict->set(*this, key, std::move(value));
  }
  charge(sizeof(Dict));
  return make_dict(std::move(dict));
}

Value Evaluator::evaluate_unary(const Unary& expr) {
  Value made;
  const Value& value = look_at(*expr.operand, made);
  at_ = expr.at;
  switch (expr.op) {
    case UnaryOperator::negative:
      return negative(*this, value);
    case UnaryOperator::positive:
      return positive(*this, value);
    case UnaryOperator::logical_not:
      return !truth(value);
  }
  return {};
}

Value Evaluator::evaluate_binary(const Binary& expr) {
  Value made_left, made_right;
  const Value& left = look_at(*expr.left, made_left);
  const Value& right = look_at(*expr.right, made_right);
  at_ = expr.at;
  return binary(*this, expr.op, left, right);
}

Value Evaluator::evaluate_concat(const Concat& expr) {
  std::string out;
  for (const ExprPtr& part : expr.parts) {
    Value made;
    append_text(*this, out, look_at(*part, made));
  }
  return Value(std::move(out));  // append_text has counted the memory
}

Value Evaluator::evaluate_logical(const Logical& expr) {
  Value value;
  for (const ExprPtr& operand : expr.operands) {
    value = evaluate(*operand);
    if (truth(value) != expr.conjunction) break;
  }
  return value;
}

Value Evaluator::evaluate_comparison(const ComparisonChain& expr) {
  Value made[2];  // of the operands, in turn
  const Value* left = &look_at(*expr.first, made[0]);
  std::size_t turn = 1;
  for (const auto& [comparison, operand] : expr.rest) {
    const Value* right = &look_at(*operand, made[turn]);
    at_ = operand->at;
    if (!compare(*this, comparison, *left, *right)) return false;
    left = right;
    turn = 1 - turn;
  }
  return true;
}

Value Evaluator::evaluate_conditional(const Conditional& expr) {
  if (holds(*expr.condition)) return evaluate(*expr.value);
  if (expr.otherwise) return evaluate(*expr.otherwise);
  return Value::undefined("the inline if-expression has no else, and its condition is false");
}

Value Evaluator::evaluate_attribute(const Attribute& expr) {
  Value made;
  const Value& object = look_at(*expr.object, made);
  at_ = expr.at;
  return attribute(*this, object, expr.name);
}

Value Evaluator::evaluate_subscript(const Subscript& expr) {
  Value made_object, made_key;
  const Value& object = look_at(*expr.object, made_object);
  const Value& key = look_at(*expr.key, made_key);
  at_ = expr.at;
  return subscript(*this, object, key);
}

Value Evaluator::evaluate_slice(const Slice& expr) {
  const auto bound = [&](const ExprPtr& part) { return part ? evaluate(*part) : Value(); };
  Value made;
  const Value& object = look_at(*expr.object, made);
  const Value start = bound(expr.start);
  const Value stop = bound(expr.stop);
  const Value step_value = bound(expr.step);
  at_ = expr.at;
  return slice(*this, object, start, stop, step_value);
}

Value Evaluator::evaluate_call(const Call& expr, const MacroSignature* caller) {
  Function method = nullptr;
  Value callee;
  if (expr.callee->kind == ExprKind::attribute) {
    // Methods are called without making a callable value first.
    const auto& member = static_cast<const Attribute&>(*expr.callee);
    Value object = evaluate(*member.object);
    at_ = member.at;
    method = find_method(object, member.name);
    callee = method ? std::move(object) : attribute(*this, object, member.name);
  } else {
    callee = evaluate(*expr.callee);
  }
  Arguments arguments = evaluate_arguments(expr.arguments);
  if (caller) {
    keep(scope_);
    arguments.named.emplace_back(
        "caller", Value(Kind::callable, std::make_shared<MacroValue>(*this, *caller, scope_)));
  }
  at_ = expr.at;
  return method ? method(*this, callee, arguments) : call(callee, arguments);
}

Value Evaluator::evaluate_filter(const Filter& expr, const Value& input) {
  at_ = expr.at;
  if (!expr.function) refuse("No filter named '{}'.", expr.name);
  const Arguments arguments = evaluate_arguments(expr.arguments);
  at_ = expr.at;
  return expr.function(*this, input, arguments);
}

bool Evaluator::evaluate_test(const Test& expr) {
  Value made;
  const Value& input = look_at(*expr.input, made);
  at_ = expr.at;
  if (!expr.function) refuse("No test named '{}'.", expr.name);
  const Arguments arguments = evaluate_arguments(expr.arguments);
  at_ = expr.at;
  return expr.function(*this, input, arguments);
}

Arguments Evaluator::evaluate_arguments(const CallArguments& arguments) {
  Arguments out;
  out.positional.reserve(arguments.positional.size());
  for (const ExprPtr& argument : arguments.positional)
    out.positional.push_back(evaluate(*argument));
  for (const auto& [name, argument] : arguments.named)
    out.named.emplace_back(name, evaluate(*argument));
  if (arguments.more_positional || arguments.more_named) add_more(arguments, out);
  return out;
}

void Evaluator::add_more(const CallArguments& arguments, Arguments& out) {
  if (arguments.more_positional)
    for (Value& value : iterate(*this, evaluate(*arguments.more_positional)))
      out.positional.push_back(std::move(value));
  if (!arguments.more_named) return;
  const Value more = evaluate(*arguments.more_named);
  if (!more.is(Kind::dict)) refuse("the argument after ** must be a dict, not {}", type_name(more));
  for (const auto& [key, value] : more.dict().entries()) {
    if (!key.is_string()) refuse("keywords must be strings");
    if (out.find(key.text())) refuse("two values for the keyword argument '{}'", key.text());
    out.named.emplace_back(key.text(), value);
  }
}

}  // namespace llm::chat::jinja
