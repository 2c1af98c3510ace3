// The parser's view of the tokens.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/lexer.h"
#include "chat/jinja/runtime.h"

namespace llm::chat::jinja {

class TokenStream {
 public:
  TokenStream(std::string_view source, std::vector<Token> tokens)
      : source_(source), tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token take() {
    Token token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_symbol(std::string_view text) const {
    return is(TokenKind::symbol) && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return is(TokenKind::name) && current().text == text;
  }
  bool skip_symbol(std::string_view text) {
    if (!is_symbol(text)) return false;
    take();
    return true;
  }
  bool skip_name(std::string_view text) {
    if (!is_name(text)) return false;
    take();
    return true;
  }
  void expect_symbol(std::string_view text) {
    if (!skip_symbol(text)) unexpected("'" + std::string(text) + "'");
  }
  Token expect(TokenKind kind, std::string_view wanted) {
    if (!is(kind)) unexpected(std::string(wanted));
    return take();
  }

  [[noreturn]] void fail(const std::string& message, std::uint32_t at) const {
    const auto [line, column] = position(source_, at);
    throw Failure(FailureKind::syntax, message, line, column);
  }
  [[noreturn]] void unexpected(const std::string& wanted) const {
    fail("expected " + wanted + ", got " + describe(current()), current().at);
  }

 private:
  std::string_view source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace llm::chat::jinja
