// How a model writes replies: reasoning, content and tool calls as text, and back from it. Formats
// are data (formats/layout.h), all listed in formats/table.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/template.h"
#include "grammar/filter.h"

namespace llm::chat {

/// A new part of one call. The first one of a call carries its id and complete name, later ones
/// only text of the arguments.
struct CallPiece {
  int index = 0;
  std::string id, name;
  std::string arguments;
};

/// What became certain with the latest text. Never taken back; the concatenation of all is the
/// message.
struct MessageDelta {
  std::string reasoning, content;
  std::vector<CallPiece> calls;
  bool empty() const { return reasoning.empty() && content.empty() && calls.empty(); }
};

struct ToolCall {
  std::string id, name;
  /// JSON text. Of a reply that was cut off: as far as it came.
  std::string arguments;
};

struct Message {
  std::string reasoning, content;
  std::vector<ToolCall> calls;
  std::vector<std::string> warnings;  // what did not fit the format and how it was read
};

/// --reasoning-format.
enum class ReasoningOutput {
  separate,  // deepseek, auto: its own field
  inlined,   // none: stays in the content, tags included
  both       // deepseek-legacy
};

enum class ToolChoice { automatic, none, required };

/// What a reply is read and constrained against.
struct ReplySettings {
  /// Offered functions as read_conversation() leaves them; null: calls are not looked for.
  Json tools;
  ToolChoice tool_choice = ToolChoice::automatic;
  std::string named_tool;  // with `required`: only this one
  bool parallel_calls = false;
  ReasoningOutput reasoning = ReasoningOutput::separate;
  /// What the prompt ends with: it may have opened (or closed) the reasoning.
  std::string generation_prompt;
  /// A schema that the content must follow; null: none.
  Json schema;
  bool strict_schema = false;
  std::function<std::string()> make_id;  // of calls whose format has no ids; default: random
};

/// Reads one reply, incrementally. Any bytes may be fed, cut anywhere; it never throws for what a
/// model wrote.
class ReplyParser {
 public:
  virtual ~ReplyParser() = default;
  virtual MessageDelta feed(std::string_view text) = 0;
  /// The end. `natural`: the model ended by itself; else it was cut off.
  virtual MessageDelta finish(bool natural) = 0;
  /// Everything so far.
  virtual const Message& message() const = 0;
  virtual bool in_reasoning() const = 0;
};

/// The constraint of a reply, not yet compiled.
struct ReplyConstraint {
  bool active = false;
  bool lazy = false;
  grammar::Expressions expressions;
  grammar::Expr root;
  std::vector<grammar::Trigger> triggers;
  std::string already_read;
  std::vector<std::string> warnings;
};

/// Immutable; shared by all requests.
class Format {
 public:
  virtual ~Format() = default;
  virtual std::string name() const = 0;
  virtual std::unique_ptr<ReplyParser> parser(const ReplySettings& settings) const = 0;
  /// Throws RequestError(400) for a tool schema that cannot be used.
  virtual ReplyConstraint constraint(const ReplySettings& settings) const = 0;
  /// Special tokens whose text the parser must see.
  virtual std::vector<std::string> preserved_tokens() const = 0;
  virtual std::vector<std::string> stops() const { return {}; }
  /// Empty start and ends: the format has no reasoning. is_open follows `generation_prompt`.
  virtual grammar::ThinkingTags thinking(const std::string& generation_prompt) const = 0;
  /// The system text that explains tools to a model whose template cannot; "" when it can.
  virtual std::string tool_instructions(const Json& tools) const { return (void)tools, ""; }
};

struct DetectedFormat {
  std::shared_ptr<const Format> format;
  std::string reason;  // which mark or probe decided, for /props and the log
};

/// The format of a template's replies. Never fails: falls back to the generic format.
DetectedFormat detect_format(const Template& chat_template);
/// By name (as Format::name() says), for tools; null when there is none.
std::shared_ptr<const Format> find_format(std::string_view name);
std::vector<std::string> format_names();

}  // namespace llm::chat
