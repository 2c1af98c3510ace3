#include "chat/jinja/parser.h"

#include <algorithm>

#include "chat/jinja/expression_parser.h"
#include "chat/jinja/lexer.h"

namespace llm::chat::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view source)
      : tokens_(source, tokenize(source)), expressions_(tokens_) {
    expressions_.on_name = [this](NameId id) { use_.note(id); };
  }

  SyntaxTree run() {
    SyntaxTree tree;
    tree.body = body({}, &tree.outlines);
    expressions_.check_unknown();
    tree.names = expressions_.take_names();
    return tree;
  }

 private:
  /// Nodes up to a block tag that begins with one of `ends`, which is left as current token.
  Body body(std::initializer_list<std::string_view> ends,
            std::vector<Outline>* outlines = nullptr) {
    const ExpressionParser::Level level(expressions_);
    Body nodes;
    std::size_t mentions = expressions_.mentions().size();
    for (;;) {
      if (outlines && nodes.size() > outlines->size()) {
        const auto& all = expressions_.mentions();
        outlines->push_back(
            {.names = {all.begin() + static_cast<std::ptrdiff_t>(mentions), all.end()},
             .is_repeatable = !expressions_.take_effects()});
        mentions = all.size();
      }
      if (tokens_.is(TokenKind::data)) {
        Token data = tokens_.take();
        nodes.push_back(std::make_unique<TextNode>(data.at, std::move(data.text)));
      } else if (tokens_.is(TokenKind::variable_begin)) {
        nodes.push_back(output());
      } else if (tokens_.is(TokenKind::end)) {
        if (ends.size() != 0) missing(ends);
        return nodes;
      } else {
        tokens_.take();
        const Token& word = tokens_.current();
        if (word.kind != TokenKind::name) tokens_.unexpected("the name of a tag");
        if (std::find(ends.begin(), ends.end(), std::string_view(word.text)) != ends.end())
          return nodes;
        nodes.push_back(statement(ends));
      }
    }
  }

  [[noreturn]] void missing(std::initializer_list<std::string_view> ends) {
    std::string wanted;
    for (const std::string_view end : ends) {
      if (!wanted.empty()) wanted += " or ";
      wanted += "'" + std::string(end) + "'";
    }
    tokens_.fail("the template ends, but " + wanted + " of the innermost block is missing",
                 tokens_.current().at);
  }

  void end_tag() { tokens_.expect(TokenKind::block_end, "the end of the block tag"); }

  /// Takes the word of a closing tag, which body() has found, and the tag's end.
  void close() {
    tokens_.take();
    end_tag();
  }

  NodePtr output() {
    auto node = std::make_unique<Output>(tokens_.take().at);
    node->value = expressions_.tuple();
    tokens_.expect(TokenKind::variable_end, "the end of the expression");
    return node;
  }

  NodePtr statement(std::initializer_list<std::string_view> ends) {
    const Token word = tokens_.take();
    const std::string& name = word.text;
    if (name == "if") return conditional(word.at);
    if (name == "for") return loop(word.at);
    if (name == "set") return assignment(word.at);
    if (name == "macro") return macro(word.at);
    if (name == "call") return call_block(word.at);
    if (name == "filter") return filter_block(word.at);
    if (name == "with") return with(word.at);
    if (name == "generation") return scope(word.at, "endgeneration");
    if (name == "block") return block(word.at);
    if (name == "autoescape") return autoescape(word.at);
    if (name == "print") return print(word.at);
    if (name == "break" || name == "continue") return jump(word);
    refuse_tag(word, ends);
  }

  [[noreturn]] void refuse_tag(const Token& word, std::initializer_list<std::string_view> ends) {
    const std::string& name = word.text;
    if (name == "include" || name == "import" || name == "from" || name == "extends")
      tokens_.fail("'" + name + "' is not possible: a chat template stands alone", word.at);
    std::string message = "unknown tag '" + name + "'";
    for (const std::string_view end : ends)
      message += (end == *ends.begin() ? "; here '" : " or '") + std::string(end) + "'";
    tokens_.fail(ends.size() == 0 ? message : message + " is expected", word.at);
  }

  NodePtr conditional(std::uint32_t at) {
    auto node = std::make_unique<If>(at);
    const std::size_t unknown = expressions_.unknown_count();
    for (;;) {
      ExprPtr condition = expressions_.tuple(false);
      end_tag();
      node->branches.emplace_back(std::move(condition), body({"elif", "else", "endif"}));
      if (!tokens_.skip_name("elif")) break;
    }
    if (tokens_.skip_name("else")) {
      end_tag();
      node->otherwise = body({"endif"});
    }
    close();
    expressions_.forgive_unknown(unknown);
    return node;
  }

  NodePtr loop(std::uint32_t at) {
    auto node = std::make_unique<For>(at);
    node->target = expressions_.target(true, false);
    if (!tokens_.skip_name("in")) tokens_.unexpected("'in'");
    node->iterable = expressions_.tuple(false);
    if (tokens_.skip_name("if")) node->condition = expressions_.expression();
    node->recursive = tokens_.skip_name("recursive");
    end_tag();
    ++loops_;
    const auto mentions = static_cast<std::ptrdiff_t>(expressions_.mentions().size());
    node->body = body({"else", "endfor"});
    const auto& all = expressions_.mentions();
    node->uses_loop = std::find(all.begin() + mentions, all.end(), kLoopName) != all.end();
    --loops_;
    if (tokens_.skip_name("else")) {
      end_tag();
      node->otherwise = body({"endfor"});
    }
    close();
    return node;
  }

  NodePtr assignment(std::uint32_t at) {
    Target target = expressions_.target(true, true);
    if (tokens_.skip_symbol("=")) {
      auto node = std::make_unique<Assignment>(at);
      node->target = std::move(target);
      node->value = expressions_.tuple();
      end_tag();
      return node;
    }
    auto node = std::make_unique<BlockAssignment>(at);
    node->target = std::move(target);
    while (tokens_.skip_symbol("|")) node->filters.push_back(expressions_.filter(nullptr));
    end_tag();
    node->body = body({"endset"});
    close();
    return node;
  }

  /// `(a, b=1)`, then the body up to `end`. Loops outside cannot be left from inside.
  MacroSignature signature(std::string name, std::string_view end) {
    MacroSignature signature;
    signature.name = std::move(name);
    if (tokens_.skip_symbol("(")) parameters(signature);
    return body_of(std::move(signature), end);
  }

  void parameters(MacroSignature& signature) {
    while (!tokens_.is_symbol(")")) {
      if (!signature.parameters.empty()) tokens_.expect_symbol(",");
      if (tokens_.is_symbol(")")) break;
      const Token name = tokens_.expect(TokenKind::name, "the name of a parameter");
      Parameter parameter{expressions_.name_id(name.text), nullptr};
      if (tokens_.skip_symbol("=")) {
        parameter.default_value = expressions_.expression();
      } else if (!signature.parameters.empty() && signature.parameters.back().default_value) {
        tokens_.fail("a parameter without default follows one that has a default", name.at);
      }
      for (const Parameter& other : signature.parameters)
        if (other.name == parameter.name)
          tokens_.fail("the parameter '" + name.text + "' occurs twice", name.at);
      signature.parameters.push_back(std::move(parameter));
    }
    tokens_.expect_symbol(")");
  }

  MacroSignature body_of(MacroSignature signature, std::string_view end) {
    end_tag();
    const int outer_loops = std::exchange(loops_, 0);
    const MacroUse outer_use = std::exchange(use_, MacroUse{});
    signature.body = body({end});
    close();
    signature.uses_varargs = use_.varargs;
    signature.uses_kwargs = use_.kwargs;
    signature.uses_caller = use_.caller;
    loops_ = outer_loops;
    use_ = outer_use;
    return signature;
  }

  NodePtr macro(std::uint32_t at) {
    expressions_.note_effects();
    auto node = std::make_unique<Macro>(at);
    const std::string name = tokens_.expect(TokenKind::name, "the name of the macro").text;
    node->name = expressions_.name_id(name);
    if (!tokens_.is_symbol("(")) tokens_.unexpected("'('");
    node->signature = signature(name, "endmacro");
    return node;
  }

  NodePtr call_block(std::uint32_t at) {
    auto node = std::make_unique<CallBlock>(at);
    MacroSignature caller;
    caller.name = "caller";
    if (tokens_.skip_symbol("(")) parameters(caller);
    const std::uint32_t call_at = tokens_.current().at;
    ExprPtr expression = expressions_.expression();
    if (expression->kind != ExprKind::call) tokens_.fail("expected a call", call_at);
    node->call.reset(static_cast<Call*>(expression.release()));
    node->caller = body_of(std::move(caller), "endcall");
    return node;
  }

  NodePtr filter_block(std::uint32_t at) {
    auto node = std::make_unique<FilterBlock>(at);
    do node->filters.push_back(expressions_.filter(nullptr));
    while (tokens_.skip_symbol("|"));
    end_tag();
    node->body = body({"endfilter"});
    close();
    return node;
  }

  NodePtr with(std::uint32_t at) {
    auto node = std::make_unique<With>(at);
    while (!tokens_.is(TokenKind::block_end)) {
      if (!node->assignments.empty()) tokens_.expect_symbol(",");
      Target target = expressions_.target(false, false);
      tokens_.expect_symbol("=");
      node->assignments.emplace_back(std::move(target), expressions_.expression());
    }
    end_tag();
    node->body = body({"endwith"});
    close();
    return node;
  }

  NodePtr scope(std::uint32_t at, std::string_view end) {
    end_tag();
    auto node = std::make_unique<ScopeNode>(at);
    node->body = body({end});
    close();
    return node;
  }

  NodePtr block(std::uint32_t at) {
    const std::string name = tokens_.expect(TokenKind::name, "the name of the block").text;
    while (tokens_.is_name("scoped") || tokens_.is_name("required")) tokens_.take();
    end_tag();
    auto node = std::make_unique<ScopeNode>(at);
    node->body = body({"endblock"});
    tokens_.take();
    tokens_.skip_name(name);  // the name may be repeated
    end_tag();
    return node;
  }

  /// Escaping is off in chat templates; the block only makes a scope.
  NodePtr autoescape(std::uint32_t at) {
    expressions_.expression();
    return scope(at, "endautoescape");
  }

  NodePtr print(std::uint32_t at) {
    auto node = std::make_unique<ScopeNode>(at);
    do {
      auto output = std::make_unique<Output>(tokens_.current().at);
      output->value = expressions_.expression();
      node->body.push_back(std::move(output));
    } while (tokens_.skip_symbol(","));
    end_tag();
    return node;
  }

  NodePtr jump(const Token& word) {
    if (loops_ == 0) tokens_.fail("'" + word.text + "' outside of a loop", word.at);
    end_tag();
    return std::make_unique<Jump>(word.at, word.text == "break");
  }

  /// Which special variables the body of a macro names.
  struct MacroUse {
    bool varargs = false, kwargs = false, caller = false;
    void note(NameId id) {
      varargs = varargs || id == kVarargsName;
      kwargs = kwargs || id == kKwargsName;
      caller = caller || id == kCallerName;
    }
  };

  TokenStream tokens_;
  ExpressionParser expressions_;
  int loops_ = 0;
  MacroUse use_;
};

}  // namespace

SyntaxTree parse(std::string_view source) {
  return Parser(source).run();
}

}  // namespace llm::chat::jinja
