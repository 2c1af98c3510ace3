// Expressions.
#include "chat/jinja/builtins.h"
#include "chat/jinja/evaluator.h"
#include "chat/jinja/macro_value.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

/// Looking at it evaluates nothing that could change what was looked at before.
bool is_at_hand(const Expr& expr) {
  return expr.kind == ExprKind::name || expr.kind == ExprKind::literal;
}

}  // namespace

Value Evaluator::evaluate(const Expr& expr) {
  Value made;
  const Value& found = peek(expr, made);
  if (&found != &made) return found;
  return made;
}

/// What is not there already.
Value Evaluator::compute(const Expr& expr) {
  const Nested nested(*this);
  step();
  switch (expr.kind) {
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
    case ExprKind::slice:
      return evaluate_slice(static_cast<const Slice&>(expr));
    case ExprKind::call:
      return evaluate_call(static_cast<const Call&>(expr));
    case ExprKind::filter: {
      const auto& filter = static_cast<const Filter&>(expr);
      Value made;
      const bool is_alone = filter.arguments.is_empty();
      return evaluate_filter(filter,
                             is_alone ? peek(*filter.input, made) : look_at(*filter.input, made));
    }
    case ExprKind::test:
      return evaluate_test(static_cast<const Test&>(expr));
    case ExprKind::literal:
    case ExprKind::name:
    case ExprKind::attribute:
    case ExprKind::subscript:
      break;  // peek() finds these
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

const Value& Evaluator::peek(const Expr& expr, Value& made) {
  switch (expr.kind) {
    case ExprKind::name:
      step();
      return variable(static_cast<const Name&>(expr).id);
    case ExprKind::literal:
      step();
      return static_cast<const Literal&>(expr).value;
    case ExprKind::attribute:
      return peek_attribute(static_cast<const Attribute&>(expr), made);
    case ExprKind::subscript:
      return peek_subscript(static_cast<const Subscript&>(expr), made);
    default:
      return made = compute(expr);
  }
}

const Value& Evaluator::peek_attribute(const Attribute& expr, Value& made) {
  const Nested nested(*this);
  step();
  const Value& object = peek(*expr.object, made);
  at_ = expr.at;
  return attribute(*this, object, expr.name, expr.methods, made);
}

const Value& Evaluator::peek_subscript(const Subscript& expr, Value& made) {
  const Nested nested(*this);
  step();
  Value made_key;
  const Value& object =
      is_at_hand(*expr.key) ? peek(*expr.object, made) : look_at(*expr.object, made);
  const Value& key = look_at(*expr.key, made_key);
  at_ = expr.at;
  return subscript(*this, object, key, made);
}

bool Evaluator::holds(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::logical: {
      const auto& logical = static_cast<const Logical&>(expr);
      const Nested nested(*this);
      step();
      for (const ExprPtr& operand : logical.operands)
        if (holds(*operand) != logical.conjunction) return !logical.conjunction;
      return logical.conjunction;
    }
    case ExprKind::unary: {
      const auto& unary = static_cast<const Unary&>(expr);
      if (unary.op != UnaryOperator::logical_not) break;
      const Nested nested(*this);
      step();
      return !holds(*unary.operand);
    }
    case ExprKind::comparison: {
      const Nested nested(*this);
      step();
      return evaluate_comparison(static_cast<const ComparisonChain&>(expr));
    }
    case ExprKind::test: {
      const Nested nested(*this);
      step();
      return evaluate_test(static_cast<const Test&>(expr));
    }
    default:
      break;
  }
  Value made;
  return truth(peek(expr, made));
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

bool Evaluator::evaluate_comparison(const ComparisonChain& expr) {
  Value made[2];  // of the operands, in turn
  const Value* left = is_at_hand(*expr.rest.front().second) ? &peek(*expr.first, made[0])
                                                            : &look_at(*expr.first, made[0]);
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
  Value made;
  const Value* callee = nullptr;
  if (expr.callee->kind == ExprKind::attribute) {
    // Methods are called without making a callable value first.
    const auto& member = static_cast<const Attribute&>(*expr.callee);
    callee = &look_at(*member.object, made);
    at_ = member.at;
    method = member.methods.of(*callee);
    if (!method) callee = &(made = attribute(*this, *callee, member.name, member.methods, made));
  } else {
    callee = &look_at(*expr.callee, made);
  }
  Arguments arguments = evaluate_arguments(expr.arguments);
  if (caller) {
    keep(scope_);
    arguments.named.emplace_back(
        "caller", Value(Kind::callable, std::make_shared<MacroValue>(*this, *caller, scope_)));
  }
  at_ = expr.at;
  return method ? method(*this, *callee, arguments) : call(*callee, arguments);
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
  const Value& input =
      expr.arguments.is_empty() ? peek(*expr.input, made) : look_at(*expr.input, made);
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
