// The constraint of a reply: reasoning, then calls or a JSON document.
#include "chat/formats/constraint_builder.h"
#include "chat/formats/layout_format.h"
#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

using grammar::Expr;
using grammar::Expressions;
using grammar::Trigger;

const CallLayout& no_calls() {
  static const CallLayout layout;
  return layout;
}

/// Reasoning as far as the prompt leaves it to the reply, then `rest`.
class ReplyWriter {
 public:
  ReplyWriter(const ReplyLayout& layout, const ReplySettings& settings, Expressions& expressions,
              ConstraintBuilder& builder)
      : layout_(layout), settings_(settings), e_(expressions), builder_(builder) {}

  /// One of both, each of which may be nothing. White space may stand before calls and behind
  /// thoughts; a document that begins the reply begins with its own first character.
  Expr reply(Expr calls, Expr document) {
    const Expr rest = e_.choice({calls, document});
    // There reasoning is a message of its own, and the head of one stands at the beginning.
    if (is_harmony() || syntax() == CallSyntax::recipients) return rest;
    const Expr at_once = e_.choice({e_.sequence({builder_.gap(), calls}), document});
    const ReasoningLayout& thinks = layout_.reasoning;
    if (!thinks.exists()) return at_once;
    const PromptReasoning prompt = prompt_reasoning(thinks, settings_.generation_prompt);
    if (prompt.is_open) return e_.sequence({block(), rest});
    if (prompt.is_closed) {
      const bool has_gap = std::string_view(" \n").find(settings_.generation_prompt.back()) !=
                           std::string_view::npos;
      return has_gap ? at_once : e_.sequence({builder_.gap(), rest});
    }
    const Expr stray = e_.sequence({e_.literal(thinks.end), builder_.gap()});
    const Expr start = thinks.start.empty() ? e_.nothing() : e_.literal(thinks.start);
    const Expr thoughts = e_.choice({stray, e_.sequence({start, block()})});
    return e_.choice({at_once, e_.sequence({builder_.gap(), thoughts, rest})});
  }

  /// A document as the content.
  Expr document(const Json& schema) {
    const Expr json = builder_.content(schema);
    if (is_harmony()) {
      return e_.sequence({analysis(), e_.literal("<|channel|>final"),
                          builder_.optional_text(" <|constrain|>json"), e_.literal("<|message|>"),
                          json});
    }
    if (syntax() == CallSyntax::recipients) {
      const bool is_begun = settings_.generation_prompt.ends_with(">>>");
      return e_.sequence({e_.literal(is_begun ? "all\n" : ">>>all\n"), json});
    }
    if (layout_.content_start.empty()) return json;
    const Expr wrapped = e_.sequence(
        {e_.literal(layout_.content_start), json, builder_.optional_text(layout_.content_end)});
    return e_.choice({wrapped, json});
  }

  Expr calls(Expr calls) { return is_harmony() ? e_.sequence({analysis(), calls}) : calls; }

 private:
  CallSyntax syntax() const {
    return layout_.calls.empty() ? CallSyntax::json : layout_.calls.front().syntax;
  }
  bool is_harmony() const { return syntax() == CallSyntax::harmony; }

  /// Behind the opening tag, over the closing one. A call may take the place of that.
  Expr block() {
    const ReasoningLayout& thinks = layout_.reasoning;
    std::vector<std::string> stops = {thinks.end};
    const Expr end = e_.sequence({e_.literal(thinks.end), builder_.gap()});
    if (!thinks.calls_end_it || settings_.tools.is_null()) {
      return e_.sequence({e_.text_without(std::move(stops)), end});
    }
    for (const CallLayout& call : layout_.calls) {
      stops.insert(stops.end(), call.section_open.begin(), call.section_open.end());
      if (!call.call_open.empty()) stops.push_back(call.call_open);
    }
    return e_.sequence({e_.text_without(std::move(stops)), e_.optional(end)});
  }

  Expr analysis() {
    const Expr message = e_.sequence(
        {e_.literal("<|channel|>analysis<|message|>"),
         e_.text_without({"<|end|>", "<|start|>", "<|channel|>", "<|return|>", "<|call|>"}),
         e_.literal("<|end|><|start|>assistant")});
    return e_.repeat(message, 0);
  }

  const ReplyLayout& layout_;
  const ReplySettings& settings_;
  Expressions& e_;
  ConstraintBuilder& builder_;
};

/// Text that stands for itself in a regular expression.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}/").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// Behind a prompt that ends in `>>>` a reply may begin with the name of a function.
Trigger first_recipient(const ReplySettings& settings) {
  std::string names;
  for (const OfferedFunction& function : offered_functions(settings)) {
    names += (names.empty() ? "" : "|") + escaped(function.name);
  }
  return {Trigger::Kind::pattern, "^((?:" + names + ")\\n)[\\s\\S]*", kNoToken};
}

/// Where tools had to be explained, the model may also write calls as it has been trained to.
std::vector<const CallLayout*> written_layouts(const ReplyLayout& layout) {
  std::vector<const CallLayout*> out;
  for (const CallLayout& call : layout.calls) {
    const bool is_block =
        call.syntax != CallSyntax::harmony && call.syntax != CallSyntax::recipients;
    if (out.empty() || (out.size() == 1 && layout.explains_tools && is_block)) {
      out.push_back(&call);
    }
  }
  return out;
}

}  // namespace

ReplyConstraint LayoutFormat::constraint(const ReplySettings& settings) const {
  ReplyConstraint out;
  const bool offers_calls = !layout().calls.empty() && settings.tools.is_array() &&
                            !settings.tools.empty() && settings.tool_choice != ToolChoice::none;
  const bool has_schema = !settings.schema.is_null();
  const CallLayout& call = layout().calls.empty() ? no_calls() : layout().calls.front();
  ConstraintBuilder builder(out, call, settings);
  ReplyWriter writer(layout(), settings, out.expressions, builder);
  const bool has_functions = offers_calls && !offered_functions(settings).empty();
  if (!has_functions && !has_schema) return out;
  out.active = true;
  const auto written_calls = [&](bool lazy) {
    std::vector<Expr> choices;
    for (const CallLayout* one : written_layouts(layout())) {
      choices.push_back(ConstraintBuilder(out, *one, settings).calls(lazy));
    }
    return out.expressions.choice(std::move(choices));
  };
  if (!has_schema && settings.tool_choice == ToolChoice::automatic) {
    out.lazy = true;
    out.triggers = layout().triggers;
    if (call.syntax == CallSyntax::recipients) out.triggers.push_back(first_recipient(settings));
    out.root = written_calls(/*lazy=*/true);
    if (out.triggers.empty()) out.active = out.lazy = false;
    return out;
  }
  Expr calls = out.expressions.nothing(), document = out.expressions.nothing();
  if (has_functions) calls = writer.calls(written_calls(/*lazy=*/false));
  if (has_schema && (!has_functions || settings.tool_choice == ToolChoice::automatic)) {
    document = writer.document(settings.schema);
  }
  out.root = writer.reply(calls, document);
  return out;
}

}  // namespace llm::chat
