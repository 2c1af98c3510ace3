// What the coroutines that read one reply share. Each syntax of calls has a read_*.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "chat/formats/input.h"
#include "chat/formats/layout.h"
#include "chat/formats/output.h"
#include "chat/formats/tool_schemas.h"
#include "chat/formats/value_reader.h"

namespace llm::chat {

struct Reading {
  Reading(const ReplyLayout& of, const ReplySettings& settings);
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  Driver driver;
  Input in{driver};
  const ReplyLayout& layout;
  Json tools_json;
  ToolSchemas tools;
  bool reads_calls;  // else their markup is content
  Output out;
  std::string generation_prompt;
  std::function<std::string()> make_id;

  std::string id_for(const CallLayout& call, const std::string& name) const;
};

/// A call while it is read: announced as soon as its name and the start of its arguments are
/// known, its arguments passed on from then on.
class CallSink {
 public:
  CallSink(Reading& reading, const CallLayout& call) : r_(reading), call_(call) {}

  std::string name, id;
  bool muted = false;         // read, but not passed on
  bool waits_for_id = false;  // the id comes later and must be in the announcement
  bool announced() const { return announced_; }
  bool has_arguments() const { return announced_ || !buffered_.empty(); }

  void arguments(std::string_view text);
  /// Needs a name. Makes an id up if there is none.
  void announce();

 private:
  Reading& r_;
  const CallLayout& call_;
  bool announced_ = false;
  std::string buffered_;
};

/// How an attempt to read calls ended.
enum class CallsEnd : std::uint8_t {
  called,  // at least one was read
  nothing  // it is no call: what Input kept is to be given back
};

/// How far the end of a prompt has come into the reply.
struct PromptReasoning {
  bool is_open = false, is_closed = false;
  bool has_content = false;  // behind the closed reasoning
  std::size_t start_at = 0;  // of the opening tag, when open
};
PromptReasoning prompt_reasoning(const ReasoningLayout& thinks, std::string_view prompt);

/// Reads all of a reply.
Task<bool> read_reply(Reading& r);

/// Behind an opener of calls, which Input keeps. `call` is of the first layout that has it.
Task<CallsEnd> read_calls(Reading& r, std::string opener);
Task<CallsEnd> read_json_calls(Reading& r, const CallLayout& call);
// `opened`: the opener was a call's own, not a section's.
Task<CallsEnd> read_named_calls(Reading& r, const CallLayout& call, bool opened);
Task<CallsEnd> read_tagged_calls(Reading& r, const CallLayout& call, bool opened);
Task<CallsEnd> read_nested_calls(Reading& r, const CallLayout& call, bool opened);
Task<CallsEnd> read_python_calls(Reading& r, const CallLayout& call);
Task<CallsEnd> read_gemma_calls(Reading& r, const CallLayout& call);
/// Behind `<|python_tag|>`.
Task<CallsEnd> read_code(Reading& r, const CallLayout& call);
/// name(key=value, ...), the name still to come.
Task<bool> read_python_call(Reading& r, CallSink& sink);
// Whole replies; `call` is null when no calls are asked for.
Task<bool> read_recipients(Reading& r, const CallLayout* call);
Task<bool> read_harmony(Reading& r, const CallLayout* call);

// Shared steps.

/// Skips white space, not more than a few thousand characters.
Task<bool> skip_space(Reading& r);
/// Skips white space and `marker` if that follows; without it nothing is skipped.
Task<bool> skip_marker(Reading& r, std::string marker);
/// Skips a Markdown fence and its language.
Task<bool> skip_fence(Reading& r);
/// A name up to `marker` and over it. False when the marker does not come, or what comes before
/// it is no name.
Task<bool> read_name(Reading& r, std::string marker, std::string& name);
/// The end of an attempt to read one more call, after others when `any`: what was kept and is none
/// of them becomes content.
CallsEnd end_calls(Reading& r, bool any);
/// Calls that each have an opener, up to the end of their section; `read_call` reads one behind its
/// opener and tells whether it was one.
using ReadCall = Task<bool> (*)(Reading& r, const CallLayout& call);
Task<CallsEnd> read_in_turn(Reading& r, const CallLayout& call, bool opened, ReadCall read_call);
/// A call cut off behind its name is announced, with the beginning of its arguments.
void announce_cut(Reading& r, CallSink& sink);

/// A whole value into `sink`; the next character must begin it. False: it is broken or cut off
/// (what was given out is completed, except when the text was cut off).
Task<bool> read_value(Reading& r, ValueSyntax syntax, CallSink& sink);
/// The same with the JSON text inside a JSON string.
Task<bool> read_wrapped_value(Reading& r, CallSink& sink);
/// A JSON string; false when there is none.
Task<bool> read_string(Reading& r, std::string& text, std::size_t limit = 4096);

/// Of function names and keys between markers: without quotes and white space at the edges; empty
/// when it cannot be a name.
std::string clean_name(std::string_view text);
/// The JSON of a parameter's text.
std::string value_as_json(std::string_view text, ValueKind kind);
bool is_space(int c);

}  // namespace llm::chat
