// Which syntax the calls behind an opener have, and the syntaxes made of JSON objects.
#include <algorithm>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

bool is_listed(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Whether calls of this layout can go on with `c` behind an opener and white space.
bool can_begin(const CallLayout& call, bool opened, int c) {
  switch (call.syntax) {
    case CallSyntax::json:
      return c == '{' || c == '[' || c == '`' || c == ']';
    case CallSyntax::named_json:
      return opened ? c != '{' && c != '[' && c != '<' : c == call.call_open[0];
    case CallSyntax::tagged:
    case CallSyntax::nested:
      return opened ? c != '{' && c != '[' && c != '<' : c == call.call_open[0];
    default:
      return true;
  }
}

Task<CallsEnd> read_calls_of(Reading& r, const CallLayout& call, bool opened) {
  switch (call.syntax) {
    case CallSyntax::named_json:
      return read_named_calls(r, call, opened);
    case CallSyntax::tagged:
      return read_tagged_calls(r, call, opened);
    case CallSyntax::nested:
      return read_nested_calls(r, call, opened);
    case CallSyntax::python:
      return read_python_calls(r, call);
    case CallSyntax::gemma:
      return read_gemma_calls(r, call);
    default:
      return read_json_calls(r, call);
  }
}

/// Skips a value that is of no interest; its text goes to `json`.
Task<bool> skip_value(Reading& r, std::string& json) {
  ValueReader reader(ValueSyntax::json);
  for (;;) {
    const int c = co_await r.in.peek();
    if (c == Input::kEnd) co_return false;
    const ValueReader::Step step = reader.put(static_cast<char>(c), json);
    if (step == ValueReader::Step::failed) co_return false;
    if (step == ValueReader::Step::past_end) co_return true;
    r.in.take(1);
    if (step == ValueReader::Step::done) co_return true;
  }
}

/// The value of the member for arguments.
Task<bool> read_arguments(Reading& r, CallSink& sink) {
  const int c = co_await r.in.peek();
  if (c == '{') co_return co_await read_value(r, ValueSyntax::json, sink);
  if (c == '"' || c == '\'') co_return co_await read_wrapped_value(r, sink);
  std::string json;
  const bool whole = co_await skip_value(r, json);
  if (!whole || json != "null") co_return false;
  sink.arguments("{}");
  co_return true;
}

/// A member of a call's object, behind the colon.
Task<bool> read_member(Reading& r, const CallLayout& call, CallSink& sink, std::string key,
                       bool& enters) {
  const int c = co_await r.in.peek();
  const bool is_text = c == '"' || c == '\'';
  if (is_text && is_listed(call.name_members, key)) {
    const bool whole = co_await read_string(r, sink.name);
    if (!whole || sink.name.empty()) {
      sink.name.clear();
      co_return false;
    }
    sink.muted = sink.name == call.no_call_name;
    if (sink.has_arguments()) sink.arguments("");
    co_return true;
  }
  if (is_listed(call.argument_members, key) && !sink.has_arguments())
    co_return co_await read_arguments(r, sink);
  if (call.name_is_key && c == '{' && sink.name.empty()) {
    sink.name = key;
    co_return co_await read_arguments(r, sink);
  }
  if (key == "function" && c == '{') {  // the object of the API around the members
    r.in.take(1);
    enters = true;
    co_return true;
  }
  const bool is_id = is_listed(call.id_members, key);
  if (call.is_markerless() && !is_id && key != "type" && key != "id") co_return false;
  std::string json;
  const bool whole = co_await skip_value(r, json);
  if (whole && is_id && !sink.announced()) {
    const Json id = Json::parse(json, nullptr, false);
    sink.id = id.is_string() ? id.get<std::string>() : id.is_number() ? json : "";
    if (sink.has_arguments() && !sink.name.empty() && !sink.id.empty()) sink.announce();
  }
  co_return whole;
}

/// The end of a call's object, or of the text inside it.
bool end_json_call(Reading& r, const CallLayout& call, CallSink& sink, bool is_whole) {
  if (sink.announced()) return true;
  if (!is_whole) {
    announce_cut(r, sink);
    return sink.announced();
  }
  if (sink.name.empty() || (call.is_markerless() && !sink.has_arguments())) return false;
  if (!sink.has_arguments()) sink.arguments("{}");
  sink.announce();
  return true;
}

/// Behind a key that the text ended in: whether the call may still have been one.
bool may_be_arguments(const CallLayout& call, std::string_view key) {
  if (!call.is_markerless() || key.empty()) return true;
  return std::any_of(call.argument_members.begin(), call.argument_members.end(),
                     [&](const std::string& name) { return name.starts_with(key); });
}

/// At the brace. False when it is no call.
Task<bool> read_json_call(Reading& r, const CallLayout& call) {
  CallSink sink(r, call);
  sink.waits_for_id = call.id_is_last;
  r.in.take(1);
  for (int depth = 1; depth > 0;) {
    co_await skip_space(r);
    const int c = co_await r.in.peek();
    if (c == '}' || c == ',') {
      r.in.take(1);
      depth -= c == '}' ? 1 : 0;
      continue;
    }
    std::string key;
    const bool has_key = co_await read_string(r, key);
    if (!has_key) co_return may_be_arguments(call, key) && end_json_call(r, call, sink, false);
    co_await skip_space(r);
    const int colon = co_await r.in.peek();
    if (colon != ':') co_return end_json_call(r, call, sink, false);
    r.in.take(1);
    co_await skip_space(r);
    bool enters = false;
    const bool whole = co_await read_member(r, call, sink, key, enters);
    if (!whole) co_return end_json_call(r, call, sink, false);
    depth += enters ? 1 : 0;
    if (depth > 3) co_return false;
  }
  co_return end_json_call(r, call, sink, true);
}

/// White space, a separator and the next object of a row without brackets.
Match match_next_object(std::string_view text) {
  std::size_t at = 0;
  const auto skip = [&] {
    while (at < text.size() && at < 64 && is_space(text[at])) ++at;
  };
  skip();
  if (at < text.size() && (text[at] == ';' || text[at] == ',')) ++at;
  skip();
  if (at == text.size()) return {Match::Kind::more, 0, 0};
  return {text[at] == '{' ? Match::Kind::yes : Match::Kind::no, at, 0};
}

}  // namespace

Task<CallsEnd> read_calls(Reading& r, std::string opener) {
  const bool is_bare = opener == "{";
  if (!is_bare) co_await skip_space(r);
  const int c = co_await r.in.peek();
  for (const CallLayout& call : r.layout.calls) {
    const bool opened = opener == call.call_open;
    const bool has_opener =
        opened || is_listed(call.section_open, opener) || (is_bare && call.is_markerless());
    if (!has_opener) continue;
    if (opener.back() != '[' && !can_begin(call, opened, c)) continue;
    co_return co_await read_calls_of(r, call, opened);
  }
  co_return CallsEnd::nothing;
}

Task<CallsEnd> read_json_calls(Reading& r, const CallLayout& call) {
  // An opener may have the bracket in it.
  bool in_array = !call.section_open.empty() && call.section_open.front().back() == '[';
  bool any = false;
  if (call.in_fence) co_await skip_fence(r);
  const int first = co_await r.in.peek();
  if (!in_array && first == '[') {
    in_array = true;
    r.in.take(1);
  }
  for (;;) {
    if (in_array) co_await skip_space(r);
    const int c = co_await r.in.peek();
    if (in_array && (c == ']' || (c == ',' && any))) {
      r.in.take(1);
      if (c == ',') continue;
      any = any || !call.is_markerless();
      break;
    }
    if (c != '{') co_return end_calls(r, any);
    const bool called = co_await read_json_call(r, call);
    if (!called) co_return end_calls(r, any);
    any = true;
    r.in.keep();
    if (in_array) continue;
    const Match next = co_await r.in.match(match_next_object);
    if (!next.yes()) break;
    r.in.take(next.length);
  }
  r.in.keep();
  if (call.in_fence) co_await skip_marker(r, "```");
  co_await skip_marker(r, call.section_close);
  co_return CallsEnd::called;
}

}  // namespace llm::chat
