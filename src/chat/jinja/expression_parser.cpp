#include "chat/jinja/expression_parser.h"

#include <algorithm>

namespace llm::chat::jinja {
namespace {

// Nested brackets and blocks of the source. Templates of vendors stay below 30.
constexpr int kMostLevels = 150;

}  // namespace

ExpressionParser::ExpressionParser(TokenStream& tokens) : tokens_(tokens) {
  for (const char* name : {"loop", "caller", "varargs", "kwargs"}) name_id(name);
}

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.level_ <= kMostLevels) return;
  --parser_.level_;
  parser_.tokens_.fail("the template is nested too deeply", parser_.tokens_.current().at);
}

NameId ExpressionParser::name_id(const std::string& name) {
  const auto [found, added] = ids_.emplace(name, static_cast<NameId>(names_.size()));
  if (added) names_.push_back(name);
  mentions_.push_back(found->second);
  return found->second;
}

void ExpressionParser::check_unknown() const {
  if (!unknown_.empty()) tokens_.fail(unknown_.front().first, unknown_.front().second);
}

ExprPtr ExpressionParser::expression() {
  const Level level(*this);
  const std::uint32_t at = tokens_.current().at;
  const std::size_t unknown = unknown_count();
  ExprPtr value = disjunction();
  while (tokens_.skip_name("if")) {
    auto conditional = std::make_unique<Conditional>(at);
    conditional->value = std::move(value);
    conditional->condition = disjunction();
    if (tokens_.skip_name("else")) conditional->otherwise = expression();
    const Expr* children[] = {conditional->value.get(), conditional->condition.get(),
                              conditional->otherwise.get()};
    value = grown(std::move(conditional), {children[0], children[1], children[2]});
    forgive_unknown(unknown);
  }
  return value;
}

ExprPtr ExpressionParser::plain_expression() {
  const Level level(*this);
  return disjunction();
}

ExprPtr ExpressionParser::disjunction() {
  ExprPtr first = conjunction();
  if (!tokens_.is_name("or")) return first;
  auto logical = std::make_unique<Logical>(first->at, false);
  logical->operands.push_back(std::move(first));
  while (tokens_.skip_name("or")) logical->operands.push_back(conjunction());
  for (const ExprPtr& operand : logical->operands)
    logical = grown(std::move(logical), {operand.get()});
  return logical;
}

ExprPtr ExpressionParser::conjunction() {
  ExprPtr first = negation();
  if (!tokens_.is_name("and")) return first;
  auto logical = std::make_unique<Logical>(first->at, true);
  logical->operands.push_back(std::move(first));
  while (tokens_.skip_name("and")) logical->operands.push_back(negation());
  for (const ExprPtr& operand : logical->operands)
    logical = grown(std::move(logical), {operand.get()});
  return logical;
}

ExprPtr ExpressionParser::negation() {
  if (!tokens_.is_name("not")) return comparison();
  const Level level(*this);
  auto unary = std::make_unique<Unary>(tokens_.take().at, UnaryOperator::logical_not);
  unary->operand = negation();
  const Expr* operand = unary->operand.get();
  return grown(std::move(unary), {operand});
}

bool ExpressionParser::comparison_operator(Comparison& comparison) {
  constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::equal},  {"!=", Comparison::unequal},
      {"<", Comparison::less},    {"<=", Comparison::less_equal},
      {">", Comparison::greater}, {">=", Comparison::greater_equal},
  };
  for (const auto& [symbol, meaning] : kSymbols) {
    if (!tokens_.skip_symbol(symbol)) continue;
    comparison = meaning;
    return true;
  }
  if (tokens_.skip_name("in")) {
    comparison = Comparison::in;
    return true;
  }
  const Token& ahead = tokens_.ahead();
  if (!tokens_.is_name("not") || ahead.kind != TokenKind::name || ahead.text != "in") return false;
  tokens_.take();
  tokens_.take();
  comparison = Comparison::not_in;
  return true;
}

ExprPtr ExpressionParser::comparison() {
  ExprPtr first = sum();
  std::unique_ptr<ComparisonChain> chain;
  for (Comparison comparison{}; comparison_operator(comparison);) {
    if (!chain) {
      chain = std::make_unique<ComparisonChain>(first->at);
      chain->first = std::move(first);
      const Expr* operand = chain->first.get();
      chain = grown(std::move(chain), {operand});
    }
    chain->rest.emplace_back(comparison, sum());
    const Expr* operand = chain->rest.back().second.get();
    chain = grown(std::move(chain), {operand});
  }
  if (chain) return chain;
  return first;
}

ExprPtr ExpressionParser::sum() {
  ExprPtr left = concatenation();
  while (tokens_.is_symbol("+") || tokens_.is_symbol("-")) {
    const Token op = tokens_.take();
    auto binary = std::make_unique<Binary>(
        op.at, op.text == "+" ? BinaryOperator::add : BinaryOperator::subtract);
    binary->left = std::move(left);
    binary->right = concatenation();
    const Expr *l = binary->left.get(), *r = binary->right.get();
    left = grown(std::move(binary), {l, r});
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  ExprPtr first = product();
  if (!tokens_.is_symbol("~")) return first;
  auto concat = std::make_unique<Concat>(tokens_.current().at);
  concat->parts.push_back(std::move(first));
  while (tokens_.skip_symbol("~")) concat->parts.push_back(product());
  for (const ExprPtr& part : concat->parts) concat = grown(std::move(concat), {part.get()});
  return concat;
}

ExprPtr ExpressionParser::product() {
  constexpr std::pair<std::string_view, BinaryOperator> kSymbols[] = {
      {"*", BinaryOperator::multiply},
      {"/", BinaryOperator::divide},
      {"//", BinaryOperator::floor_divide},
      {"%", BinaryOperator::modulo},
  };
  ExprPtr left = power();
  for (;;) {
    const auto found = std::find_if(std::begin(kSymbols), std::end(kSymbols),
                                    [&](const auto& row) { return tokens_.is_symbol(row.first); });
    if (found == std::end(kSymbols)) return left;
    auto binary = std::make_unique<Binary>(tokens_.take().at, found->second);
    binary->left = std::move(left);
    binary->right = power();
    const Expr *l = binary->left.get(), *r = binary->right.get();
    left = grown(std::move(binary), {l, r});
  }
}

/// From left to right, unlike Python: `2 ** 3 ** 2` is 64.
ExprPtr ExpressionParser::power() {
  ExprPtr left = unary();
  while (tokens_.is_symbol("**")) {
    auto binary = std::make_unique<Binary>(tokens_.take().at, BinaryOperator::power);
    binary->left = std::move(left);
    binary->right = unary();
    const Expr *l = binary->left.get(), *r = binary->right.get();
    left = grown(std::move(binary), {l, r});
  }
  return left;
}

/// A sign binds tighter than filters: `-3 | abs` is 3.
ExprPtr ExpressionParser::unary(bool with_filters) {
  ExprPtr value;
  if (tokens_.is_symbol("-") || tokens_.is_symbol("+")) {
    const Level level(*this);
    const Token sign = tokens_.take();
    auto node = std::make_unique<Unary>(
        sign.at, sign.text == "-" ? UnaryOperator::negative : UnaryOperator::positive);
    node->operand = unary(false);
    const Expr* operand = node->operand.get();
    value = grown(std::move(node), {operand});
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

}  // namespace llm::chat::jinja
