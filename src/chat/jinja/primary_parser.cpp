// The parts of the expression parser behind the operators: literals, calls, subscripts, filters,
// tests, and targets of assignments.
#include <charconv>
#include <cmath>

#include "chat/jinja/big_integer.h"
#include "chat/jinja/expression_parser.h"

namespace llm::chat::jinja {
namespace {

bool is_reserved_literal(const std::string& name) {
  return name == "true" || name == "True" || name == "false" || name == "False" || name == "none" ||
         name == "None";
}

}  // namespace

ExprPtr ExpressionParser::primary() {
  const std::uint32_t at = tokens_.current().at;
  switch (tokens_.current().kind) {
    case TokenKind::name: {
      const std::string name = tokens_.take().text;
      if (name == "true" || name == "True") return std::make_unique<Literal>(at, true);
      if (name == "false" || name == "False") return std::make_unique<Literal>(at, false);
      if (name == "none" || name == "None") return std::make_unique<Literal>(at, Value());
      const NameId id = name_id(name);
      on_name(id);
      return std::make_unique<Name>(at, id);
    }
    case TokenKind::string: {
      std::string text;
      while (tokens_.is(TokenKind::string)) text += tokens_.take().text;
      return std::make_unique<Literal>(at, std::move(text));
    }
    case TokenKind::integer:
    case TokenKind::floating:
      return number();
    case TokenKind::symbol:
      break;
    default:
      tokens_.fail("expected an expression, got " + describe(tokens_.current()), at);
  }
  if (tokens_.is_symbol("[")) return list();
  if (tokens_.is_symbol("{")) return dict();
  if (!tokens_.skip_symbol("("))
    tokens_.fail("expected an expression, got " + describe(tokens_.current()), at);
  if (tokens_.skip_symbol(")")) return std::make_unique<Items>(ExprKind::tuple, at);
  ExprPtr inner = tuple();
  tokens_.expect_symbol(")");
  return inner;
}

ExprPtr ExpressionParser::number() {
  const Token token = tokens_.take();
  if (token.kind == TokenKind::floating) {
    double value = 0;
    const char* end = token.text.data() + token.text.size();
    const auto result = std::from_chars(token.text.data(), end, value);
    if (result.ec == std::errc::result_out_of_range && token.text.find("e-") == std::string::npos)
      value = HUGE_VAL;
    return std::make_unique<Literal>(token.at, value);
  }
  std::string_view digits = token.text;
  unsigned base = 10;
  if (digits.size() > 2 && digits[1] > '9') {
    base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  if (digits.size() > 4300) tokens_.fail("the integer is too long", token.at);
  return std::make_unique<Literal>(token.at, make_integer(*BigInteger::parse(digits, base)));
}

ExprPtr ExpressionParser::list() {
  auto items = std::make_unique<Items>(ExprKind::list, tokens_.take().at);
  while (!tokens_.is_symbol("]")) {
    if (!items->items.empty()) tokens_.expect_symbol(",");
    if (tokens_.is_symbol("]")) break;
    items->items.push_back(expression());
    const Expr* item = items->items.back().get();
    items = grown(std::move(items), {item});
  }
  tokens_.expect_symbol("]");
  return items;
}

ExprPtr ExpressionParser::dict() {
  auto dict = std::make_unique<DictDisplay>(tokens_.take().at);
  while (!tokens_.is_symbol("}")) {
    if (!dict->entries.empty()) tokens_.expect_symbol(",");
    if (tokens_.is_symbol("}")) break;
    ExprPtr key = expression();
    tokens_.expect_symbol(":");
    dict->entries.emplace_back(std::move(key), expression());
    const auto& entry = dict->entries.back();
    const Expr *k = entry.first.get(), *v = entry.second.get();
    dict = grown(std::move(dict), {k, v});
  }
  tokens_.expect_symbol("}");
  return dict;
}

bool ExpressionParser::ends_tuple() const {
  return tokens_.is(TokenKind::variable_end) || tokens_.is(TokenKind::block_end) ||
         tokens_.is_symbol(")") || tokens_.is_name("in") || tokens_.is_name("recursive");
}

ExprPtr ExpressionParser::tuple(bool with_conditional) {
  const std::uint32_t at = tokens_.current().at;
  ExprPtr first = with_conditional ? expression() : plain_expression();
  if (!tokens_.is_symbol(",")) return first;
  auto items = std::make_unique<Items>(ExprKind::tuple, at);
  items->items.push_back(std::move(first));
  while (tokens_.skip_symbol(",") && !ends_tuple())
    items->items.push_back(with_conditional ? expression() : plain_expression());
  for (const ExprPtr& item : items->items) items = grown(std::move(items), {item.get()});
  return items;
}

ExprPtr ExpressionParser::postfix(ExprPtr value) {
  for (;;) {
    if (tokens_.is_symbol(".")) {
      value = member(std::move(value));
    } else if (tokens_.is_symbol("[")) {
      value = bracketed(std::move(value));
    } else if (tokens_.is_symbol("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::filters_and_tests(ExprPtr value) {
  for (;;) {
    if (tokens_.skip_symbol("|")) {
      value = filter(std::move(value));
    } else if (tokens_.is_name("is")) {
      value = test(std::move(value));
    } else if (tokens_.is_symbol("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::member(ExprPtr object) {
  const std::uint32_t at = tokens_.take().at;
  const Expr* child = object.get();
  if (tokens_.is(TokenKind::integer)) {
    auto subscript = std::make_unique<Subscript>(at);
    subscript->object = std::move(object);
    subscript->key = number();
    return grown(std::move(subscript), {child});
  }
  auto attribute = std::make_unique<Attribute>(at);
  attribute->object = std::move(object);
  attribute->name = tokens_.expect(TokenKind::name, "a name or number").text;
  attribute->methods = find_methods(attribute->name);
  return grown(std::move(attribute), {child});
}

ExprPtr ExpressionParser::bracketed(ExprPtr object) {
  const std::uint32_t at = tokens_.take().at;
  ExprPtr bounds[3];
  int colons = 0;
  for (;;) {
    const bool empty = tokens_.is_symbol(":") || tokens_.is_symbol("]");
    if (!empty) bounds[colons] = tuple();
    if (colons == 2 || !tokens_.skip_symbol(":")) break;
    ++colons;
  }
  tokens_.expect_symbol("]");
  const Expr* children[] = {object.get(), bounds[0].get(), bounds[1].get(), bounds[2].get()};
  if (colons == 0) {
    if (!bounds[0]) tokens_.fail("expected an expression inside the brackets", at);
    auto subscript = std::make_unique<Subscript>(at);
    subscript->object = std::move(object);
    subscript->key = std::move(bounds[0]);
    return grown(std::move(subscript), {children[0], children[1]});
  }
  auto slice = std::make_unique<Slice>(at);
  slice->object = std::move(object);
  slice->start = std::move(bounds[0]);
  slice->stop = std::move(bounds[1]);
  slice->step = std::move(bounds[2]);
  return grown(std::move(slice), {children[0], children[1], children[2], children[3]});
}

std::unique_ptr<Call> ExpressionParser::call(ExprPtr callee) {
  note_effects();  // whatever is called may change what it is given
  auto call = std::make_unique<Call>(tokens_.current().at);
  const Expr* child = callee.get();
  call->callee = std::move(callee);
  call->arguments = arguments();
  const CallArguments& given = call->arguments;
  return grown(grown(std::move(call), {child}), given);
}

CallArguments ExpressionParser::arguments() {
  const Level level(*this);
  CallArguments arguments;
  const std::uint32_t at = tokens_.take().at;
  bool first = true;
  while (!tokens_.is_symbol(")")) {
    if (!first) tokens_.expect_symbol(",");
    first = false;
    if (tokens_.is_symbol(")")) break;
    argument(arguments, at);
  }
  tokens_.expect_symbol(")");
  return arguments;
}

void ExpressionParser::argument(CallArguments& arguments, std::uint32_t at) {
  const auto ensure = [&](bool allowed) {
    if (!allowed) tokens_.fail("the arguments of the call are out of order", at);
  };
  if (tokens_.skip_symbol("*")) {
    ensure(!arguments.more_positional && !arguments.more_named);
    arguments.more_positional = expression();
  } else if (tokens_.skip_symbol("**")) {
    ensure(!arguments.more_named);
    arguments.more_named = expression();
  } else if (tokens_.is(TokenKind::name) && tokens_.ahead().kind == TokenKind::symbol &&
             tokens_.ahead().text == "=") {
    ensure(!arguments.more_named);
    std::string name = tokens_.take().text;
    tokens_.take();
    for (const auto& named : arguments.named)
      if (named.first == name) tokens_.fail("the argument '" + name + "' is given twice", at);
    arguments.named.emplace_back(std::move(name), expression());
  } else {
    ensure(arguments.named.empty() && !arguments.more_positional && !arguments.more_named);
    arguments.positional.push_back(expression());
  }
}

std::unique_ptr<Filter> ExpressionParser::filter(ExprPtr input) {
  auto filter = std::make_unique<Filter>(tokens_.current().at);
  const Expr* child = input.get();
  filter->input = std::move(input);
  filter->name = tokens_.expect(TokenKind::name, "the name of a filter").text;
  while (tokens_.skip_symbol("."))
    filter->name += "." + tokens_.expect(TokenKind::name, "the name of a filter").text;
  filter->function = find_filter(filter->name);
  if (!filter->function)
    unknown_.emplace_back("No filter named '" + filter->name + "'.", filter->at);
  if (tokens_.is_symbol("(")) filter->arguments = arguments();
  const CallArguments& given = filter->arguments;
  return grown(grown(std::move(filter), {child}), given);
}

ExprPtr ExpressionParser::test(ExprPtr input) {
  auto test = std::make_unique<Test>(tokens_.take().at);
  const Expr* child = input.get();
  test->input = std::move(input);
  const bool negated = tokens_.skip_name("not");
  test->name = tokens_.expect(TokenKind::name, "the name of a test").text;
  while (tokens_.skip_symbol("."))
    test->name += "." + tokens_.expect(TokenKind::name, "the name of a test").text;
  test->function = find_test(test->name);
  if (!test->function) unknown_.emplace_back("No test named '" + test->name + "'.", test->at);

  // One argument may stand without parentheses: `is divisibleby 3`.
  const Token& next = tokens_.current();
  const bool is_word = next.kind == TokenKind::name;
  const bool goes_on = is_word && (next.text == "else" || next.text == "or" || next.text == "and" ||
                                   next.text == "if" || next.text == "in" || next.text == "not");
  const bool is_value = next.kind == TokenKind::string || next.kind == TokenKind::integer ||
                        next.kind == TokenKind::floating || tokens_.is_symbol("[") ||
                        tokens_.is_symbol("{");
  if (tokens_.is_symbol("(")) {
    test->arguments = arguments();
  } else if (is_value || (is_word && !goes_on)) {
    if (next.text == "is" && is_word) tokens_.fail("tests cannot be chained with 'is'", next.at);
    test->arguments.positional.push_back(postfix(primary()));
  }
  const CallArguments& given = test->arguments;
  test = grown(grown(std::move(test), {child}), given);
  if (!negated) return test;
  auto unary = std::make_unique<Unary>(test->at, UnaryOperator::logical_not);
  unary->operand = std::move(test);
  const Expr* operand = unary->operand.get();
  return grown(std::move(unary), {operand});
}

Target ExpressionParser::single_target(bool allow_attribute) {
  Target target;
  target.at = tokens_.current().at;
  if (tokens_.skip_symbol("(")) {
    target = this->target(true, allow_attribute);
    tokens_.expect_symbol(")");
    return target;
  }
  const std::string name = tokens_.expect(TokenKind::name, "a name to assign to").text;
  if (is_reserved_literal(name)) tokens_.fail("cannot assign to '" + name + "'", target.at);
  target.name = name_id(name);
  if (allow_attribute && tokens_.skip_symbol(".")) {
    note_effects();
    target.attribute = tokens_.expect(TokenKind::name, "the name of an attribute").text;
  }
  return target;
}

Target ExpressionParser::target(bool allow_tuple, bool allow_attribute) {
  const Level level(*this);
  Target first = single_target(allow_attribute);
  if (!allow_tuple || !tokens_.is_symbol(",")) return first;
  Target tuple;
  tuple.is_tuple = true;
  tuple.at = first.at;
  tuple.parts.push_back(std::move(first));
  while (tokens_.skip_symbol(",") && !ends_tuple() && !tokens_.is_symbol("="))
    tuple.parts.push_back(single_target(allow_attribute));
  return tuple;
}

}  // namespace llm::chat::jinja
