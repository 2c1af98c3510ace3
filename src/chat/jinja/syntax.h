// The syntax tree. It belongs to a program, is immutable after parsing, and is walked by the
// evaluator from any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/value.h"

namespace llm::chat::jinja {

/// Index into the program's table of names.
using NameId = std::uint32_t;

enum class ExprKind : std::uint8_t {
  literal,
  name,
  list,
  tuple,
  dict,
  unary,
  binary,
  concat,
  logical,
  comparison,
  conditional,
  attribute,
  subscript,
  slice,
  call,
  filter,
  test,
};

struct Expr {
  Expr(ExprKind expr_kind, std::uint32_t offset) : kind(expr_kind), at(offset) {}
  virtual ~Expr() = default;
  ExprKind kind;
  std::uint32_t at;  // byte offset in the source, for errors
  int height = 1;    // levels of the tree below and including this one
};
using ExprPtr = std::unique_ptr<Expr>;

struct Literal final : Expr {
  Literal(std::uint32_t at, Value literal)
      : Expr(ExprKind::literal, at), value(std::move(literal)) {}
  Value value;
};

struct Name final : Expr {
  Name(std::uint32_t at, NameId name) : Expr(ExprKind::name, at), id(name) {}
  NameId id;
};

/// A list or a tuple display.
struct Items final : Expr {
  using Expr::Expr;
  std::vector<ExprPtr> items;
};

struct DictDisplay final : Expr {
  explicit DictDisplay(std::uint32_t at) : Expr(ExprKind::dict, at) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};

enum class UnaryOperator : std::uint8_t { negative, positive, logical_not };

struct Unary final : Expr {
  Unary(std::uint32_t at, UnaryOperator unary) : Expr(ExprKind::unary, at), op(unary) {}
  UnaryOperator op;
  ExprPtr operand;
};

struct Binary final : Expr {
  Binary(std::uint32_t at, BinaryOperator binary) : Expr(ExprKind::binary, at), op(binary) {}
  BinaryOperator op;
  ExprPtr left, right;
};

/// `a ~ b ~ c`
struct Concat final : Expr {
  explicit Concat(std::uint32_t at) : Expr(ExprKind::concat, at) {}
  std::vector<ExprPtr> parts;
};

/// `and` and `or`
struct Logical final : Expr {
  Logical(std::uint32_t at, bool is_and) : Expr(ExprKind::logical, at), conjunction(is_and) {}
  bool conjunction;
  std::vector<ExprPtr> operands;
};

/// `first < rest[0] < rest[1] ...`
struct ComparisonChain final : Expr {
  explicit ComparisonChain(std::uint32_t at) : Expr(ExprKind::comparison, at) {}
  ExprPtr first;
  std::vector<std::pair<Comparison, ExprPtr>> rest;
};

/// `value if condition else otherwise`
struct Conditional final : Expr {
  explicit Conditional(std::uint32_t at) : Expr(ExprKind::conditional, at) {}
  ExprPtr value, condition, otherwise;  // otherwise may be null
};

struct Attribute final : Expr {
  explicit Attribute(std::uint32_t at) : Expr(ExprKind::attribute, at) {}
  ExprPtr object;
  std::string name;
  Methods methods;  // of that name
};

struct Subscript final : Expr {
  explicit Subscript(std::uint32_t at) : Expr(ExprKind::subscript, at) {}
  ExprPtr object, key;
};

struct Slice final : Expr {
  explicit Slice(std::uint32_t at) : Expr(ExprKind::slice, at) {}
  ExprPtr object, start, stop, step;  // bounds may be null
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_positional, more_named;  // `*a`, `**b`; may be null
  bool is_empty() const {
    return positional.empty() && named.empty() && !more_positional && !more_named;
  }
};

struct Call final : Expr {
  explicit Call(std::uint32_t at) : Expr(ExprKind::call, at) {}
  ExprPtr callee;
  CallArguments arguments;
};

struct Filter final : Expr {
  explicit Filter(std::uint32_t at) : Expr(ExprKind::filter, at) {}
  ExprPtr input;  // null: the text of a block
  std::string name;
  Function function = nullptr;  // null: unknown, an error when it is reached
  CallArguments arguments;
};

struct Test final : Expr {
  explicit Test(std::uint32_t at) : Expr(ExprKind::test, at) {}
  ExprPtr input;
  std::string name;
  TestFunction function = nullptr;  // null: unknown, an error when it is reached
  CallArguments arguments;
};

enum class NodeKind : std::uint8_t {
  text,
  output,
  conditional,
  loop,
  assignment,
  block_assignment,
  macro,
  call_block,
  filter_block,
  with,
  scope,
  jump,
};

struct Node {
  Node(NodeKind node_kind, std::uint32_t offset) : kind(node_kind), at(offset) {}
  virtual ~Node() = default;
  NodeKind kind;
  std::uint32_t at;
};
using NodePtr = std::unique_ptr<Node>;
using Body = std::vector<NodePtr>;

struct TextNode final : Node {
  TextNode(std::uint32_t at, std::string data) : Node(NodeKind::text, at), text(std::move(data)) {}
  std::string text;
};

struct Output final : Node {
  explicit Output(std::uint32_t at) : Node(NodeKind::output, at) {}
  ExprPtr value;
};

struct If final : Node {
  explicit If(std::uint32_t at) : Node(NodeKind::conditional, at) {}
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};

/// What a value is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  NameId name = 0;
  std::string attribute;  // not empty: `name.attribute`
  std::vector<Target> parts;
  bool is_tuple = false;
  std::uint32_t at = 0;
};

struct For final : Node {
  explicit For(std::uint32_t at) : Node(NodeKind::loop, at) {}
  Target target;
  ExprPtr iterable;
  ExprPtr condition;  // may be null
  Body body, otherwise;
  bool recursive = false;
  bool uses_loop = false;  // the body names `loop`
};

struct Assignment final : Node {
  explicit Assignment(std::uint32_t at) : Node(NodeKind::assignment, at) {}
  Target target;
  ExprPtr value;
};

struct BlockAssignment final : Node {
  explicit BlockAssignment(std::uint32_t at) : Node(NodeKind::block_assignment, at) {}
  Target target;
  std::vector<std::unique_ptr<Filter>> filters;
  Body body;
};

struct Parameter {
  NameId name;
  ExprPtr default_value;  // may be null
};

/// What a macro and the body of a call block have in common.
struct MacroSignature {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  // Whether the body names these; otherwise surplus arguments are an error.
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};

struct Macro final : Node {
  explicit Macro(std::uint32_t at) : Node(NodeKind::macro, at) {}
  NameId name = 0;
  MacroSignature signature;
};

struct CallBlock final : Node {
  explicit CallBlock(std::uint32_t at) : Node(NodeKind::call_block, at) {}
  std::unique_ptr<Call> call;
  MacroSignature caller;
};

struct FilterBlock final : Node {
  explicit FilterBlock(std::uint32_t at) : Node(NodeKind::filter_block, at) {}
  std::vector<std::unique_ptr<Filter>> filters;
  Body body;
};

struct With final : Node {
  explicit With(std::uint32_t at) : Node(NodeKind::with, at) {}
  std::vector<std::pair<Target, ExprPtr>> assignments;
  Body body;
};

/// A body with variables of its own: `generation`, `block`, `autoescape`.
struct ScopeNode final : Node {
  explicit ScopeNode(std::uint32_t at) : Node(NodeKind::scope, at) {}
  Body body;
};

/// `break` or `continue`
struct Jump final : Node {
  Jump(std::uint32_t at, bool is_break) : Node(NodeKind::jump, at), leaves(is_break) {}
  bool leaves;
};

/// Names that the evaluator itself looks at. Their ids are fixed.
enum WellKnown : NameId { kLoopName, kCallerName, kVarargsName, kKwargsName, kWellKnownCount };

/// What is known of a statement of the outermost body.
struct Outline {
  std::vector<NameId> names;  // all that occur in it, some more than once
  // It reads values, sets variables and writes, but changes no value that others may see: it may
  // run again as if it had not run.
  bool is_repeatable = true;
};

struct SyntaxTree {
  std::vector<std::string> names;  // by NameId
  Body body;
  std::vector<Outline> outlines;  // of the body's nodes
};

}  // namespace llm::chat::jinja
