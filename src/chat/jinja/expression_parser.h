// Expressions, by recursive descent. Precedence from loose to tight: conditional, or, and, not,
// comparisons, + -, ~, * / // %, **, unary - +, postfix with filters and tests.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <utility>

#include "chat/jinja/syntax.h"
#include "chat/jinja/token_stream.h"

namespace llm::chat::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens);

  ExprPtr expression();        // with `a if b else c`
  ExprPtr plain_expression();  // without
  /// One expression, or several separated by commas as a tuple.
  ExprPtr tuple(bool with_conditional = true);
  Target target(bool allow_tuple, bool allow_attribute);
  std::unique_ptr<Filter> filter(ExprPtr input);  // behind the `|`
  std::unique_ptr<Call> call(ExprPtr callee);     // at the `(`

  NameId name_id(const std::string& name);
  /// Called for every name that an expression reads.
  std::function<void(NameId)> on_name = [](NameId) {};
  std::vector<std::string> take_names() { return std::move(names_); }
  /// Every name that was met so far, once for each time.
  const std::vector<NameId>& mentions() const { return mentions_; }
  /// Since the last call: whether something was parsed that may change a value that others see.
  bool take_effects() { return std::exchange(has_effects_, false); }
  void note_effects() { has_effects_ = true; }

  // Filters and tests that do not exist are errors, but inside a branch that may not be taken only
  // when they are reached. So they are noted first, and a branch forgives those inside it.
  std::size_t unknown_count() const { return unknown_.size(); }
  void forgive_unknown(std::size_t down_to) { unknown_.resize(down_to); }
  void check_unknown() const;

  /// One level of nested source; too many are refused.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

 private:
  ExprPtr disjunction();
  ExprPtr conjunction();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filters = true);
  ExprPtr primary();
  ExprPtr number();
  ExprPtr list();
  ExprPtr dict();
  ExprPtr postfix(ExprPtr value);
  ExprPtr filters_and_tests(ExprPtr value);
  ExprPtr member(ExprPtr object);
  ExprPtr bracketed(ExprPtr object);
  ExprPtr test(ExprPtr input);
  Target single_target(bool allow_attribute);
  CallArguments arguments();
  void argument(CallArguments& arguments, std::uint32_t at);
  bool ends_tuple() const;
  bool comparison_operator(Comparison& comparison);

  /// Sets the height of `parent` from its children and refuses trees that are too high.
  template <class T>
  std::unique_ptr<T> grown(std::unique_ptr<T> parent, std::initializer_list<const Expr*> children);
  template <class T>
  std::unique_ptr<T> grown(std::unique_ptr<T> parent, const CallArguments& arguments);

  static constexpr int kHighestTree = 400;

  TokenStream& tokens_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, NameId> ids_;
  std::vector<NameId> mentions_;
  bool has_effects_ = false;
  std::vector<std::pair<std::string, std::uint32_t>> unknown_;  // what is wrong, and where
  int level_ = 0;
};

template <class T>
std::unique_ptr<T> ExpressionParser::grown(std::unique_ptr<T> parent,
                                           std::initializer_list<const Expr*> children) {
  for (const Expr* child : children)
    if (child) parent->height = std::max(parent->height, child->height + 1);
  if (parent->height > kHighestTree) tokens_.fail("the expression is too long", parent->at);
  return parent;
}

template <class T>
std::unique_ptr<T> ExpressionParser::grown(std::unique_ptr<T> parent,
                                           const CallArguments& arguments) {
  for (const ExprPtr& argument : arguments.positional)
    parent = grown(std::move(parent), {argument.get()});
  for (const auto& argument : arguments.named)
    parent = grown(std::move(parent), {argument.second.get()});
  return grown(std::move(parent), {arguments.more_positional.get(), arguments.more_named.get()});
}

}  // namespace llm::chat::jinja
