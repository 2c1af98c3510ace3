// Calls that are a name between markers and a JSON object: Mistral, DeepSeek, Kimi, Solar,
// Functionary 3.1.
#include <algorithm>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

/// "functions.get_weather:0" without what is around the name.
std::string name_in_id(std::string_view id) {
  constexpr std::string_view kPrefix = "functions.";
  if (id.starts_with(kPrefix)) id.remove_prefix(kPrefix.size());
  const std::size_t colon = id.rfind(':');
  if (colon != std::string_view::npos && colon > 0 &&
      id.find_first_not_of("0123456789", colon + 1) == std::string_view::npos)
    id = id.substr(0, colon);
  return std::string(id);
}

/// The name (and id) up to the arguments.
Task<bool> read_head(Reading& r, const CallLayout& call, CallSink& sink) {
  std::string head;
  if (call.id_place == IdPlace::before_name) {
    const bool has_id = co_await read_name(r, call.name_open, sink.id);
    if (!has_id) sink.id.clear();
  }
  const bool has_name = co_await read_name(r, call.name_close, head);
  if (!has_name) co_return false;
  if (call.id_place == IdPlace::with_name) {
    sink.id = head;
    sink.name = name_in_id(head);
  } else if (const std::size_t at = call.id_open.empty() ? head.npos : head.find(call.id_open);
             at != head.npos) {
    sink.id = clean_name(std::string_view(head).substr(at + call.id_open.size()));
    sink.name = clean_name(std::string_view(head).substr(0, at));
  } else {
    sink.name = head;
  }
  if (!call.has_type_word || sink.name != "function") co_return !sink.name.empty();
  // A type word, unless a function has this name: then its arguments follow.
  co_await skip_space(r);
  const int c = co_await r.in.peek();
  if (c == '{' || c == Input::kEnd) co_return c == '{';
  co_return co_await read_name(r, "\n", sink.name);
}

Task<bool> read_named_call(Reading& r, const CallLayout& call) {
  CallSink sink(r, call);
  const bool has_head = co_await read_head(r, call, sink);
  if (!has_head) co_return false;
  co_await skip_space(r);
  if (call.has_type_word) co_await skip_fence(r);
  const int c = co_await r.in.peek();
  if (c == '{') {
    co_await read_value(r, ValueSyntax::json, sink);
    if (!sink.announced()) co_return false;
  } else {
    const bool closed = co_await skip_marker(r, call.call_close);
    if (closed || (c == Input::kEnd && r.in.natural())) {
      sink.arguments("{}");
      co_return true;
    }
    announce_cut(r, sink);
    co_return sink.announced();
  }
  if (call.has_type_word) co_await skip_marker(r, "```");
  co_await skip_marker(r, call.call_close);
  co_return true;
}

}  // namespace

Task<CallsEnd> read_named_calls(Reading& r, const CallLayout& call, bool opened) {
  return read_in_turn(r, call, opened, read_named_call);
}

}  // namespace llm::chat
