// What templates define and call: macros, the bodies of call blocks, and loops.
#pragma once

#include <string>
#include <vector>

#include "chat/jinja/evaluator.h"

namespace llm::chat::jinja {

/// A macro, or the body of a call block, with the variables around its definition.
struct MacroValue final : Callable {
  MacroValue(Evaluator& macro_evaluator, const MacroSignature& macro_signature,
             ScopePtr macro_closure)
      : evaluator(macro_evaluator), signature(macro_signature), closure(std::move(macro_closure)) {}
  Value call(Runtime&, const Arguments& arguments) override {
    return evaluator.invoke(signature, closure, arguments);
  }
  Value attribute(std::string_view name) const override;
  std::string describe() const override { return "<Macro '" + signature.name + "'>"; }

  Evaluator& evaluator;
  const MacroSignature& signature;
  ScopePtr closure;
};

struct LoopValue final : Loop {
  LoopValue(Evaluator& loop_evaluator, const For& loop_node, ScopePtr loop_closure)
      : evaluator(loop_evaluator), node(loop_node), closure(std::move(loop_closure)) {}
  Value recurse(Runtime&, const Value& values) override {
    return evaluator.recurse(node, values, closure, depth + 1);
  }

  Evaluator& evaluator;
  const For& node;
  ScopePtr closure;
};

/// Arguments of a call sorted to a macro's parameters.
struct MacroBinding {
  MacroBinding(const MacroSignature& signature, const std::vector<std::string>& names,
               const Arguments& arguments);
  std::vector<const Value*> values;  // by parameter; null where none was given
  std::vector<Value> varargs;
  Value kwargs;
  Value caller;
};

}  // namespace llm::chat::jinja
