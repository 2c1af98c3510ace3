// Calls written as code: Python calls (LFM2, Llama's built-in tools), plain code, Gemma's objects.
#include <cctype>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

bool is_name_byte(int c) {
  return (c >= 0x80) || std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
}

/// A keyword and its equals sign; nothing is taken when there is none.
Match match_keyword(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && n < 256 && is_name_byte(static_cast<unsigned char>(text[n]))) ++n;
  const std::size_t name = n;
  while (n < text.size() && n < 256 && is_space(text[n])) ++n;
  if (n == text.size()) return {Match::Kind::more, 0, 0};
  const bool yes = name > 0 && text[n] == '=' && std::isdigit(text[0]) == 0;
  return {yes ? Match::Kind::yes : Match::Kind::no, n + 1, name};
}

/// A name behind which `.call(` follows.
Match match_built_in(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && n < 64 && (std::isalnum(text[n]) != 0 || text[n] == '_')) ++n;
  if (n == text.size()) return {Match::Kind::more, 0, 0};
  Match match = n > 0 ? match_text(text.substr(n), ".call(") : Match();
  match.length = n;
  return match;
}

Task<bool> read_list_of_calls(Reading& r, const CallLayout& call, bool in_list) {
  for (bool any = false;;) {
    co_await skip_space(r);
    const int c = co_await r.in.peek();
    if (c == ']' || (c == ',' && any)) {
      r.in.take(1);
      if (c == ']') co_return true;
      continue;
    }
    if (any && !in_list) co_return true;
    CallSink sink(r, call);
    const bool called = co_await read_python_call(r, sink);
    if (!called) co_return any;
    any = true;
    r.in.keep();
    if (r.in.ended() && r.in.rest().empty()) co_return true;
  }
}

}  // namespace

Task<bool> read_python_call(Reading& r, CallSink& sink) {
  for (;;) {
    const int c = co_await r.in.peek();
    if (!is_name_byte(c) || c == Input::kEnd) break;
    if (sink.name.size() >= 256) co_return false;
    sink.name += static_cast<char>(c);
    r.in.take(1);
  }
  if (sink.name.empty()) co_return false;
  co_await skip_space(r);
  const int opener = co_await r.in.peek();
  if (opener != '(') {
    sink.name.clear();
    co_return false;
  }
  r.in.take(1);
  const SchemaView schema = r.tools.parameters(sink.name);
  for (std::size_t index = 0;; ++index) {
    co_await skip_space(r);
    int c = co_await r.in.peek();
    if (c == ',' && index > 0) {
      r.in.take(1);
      co_await skip_space(r);
      c = co_await r.in.peek();
    }
    if (c == Input::kEnd) {
      announce_cut(r, sink);
      if (r.in.natural() && sink.announced()) sink.arguments("}");
      co_return sink.announced();
    }
    if (c == ')') {
      r.in.take(1);
      sink.arguments(index == 0 ? "{}" : "}");
      co_return true;
    }
    // A value without keyword belongs to the parameter at its place.
    std::string key = schema.property_name(index);
    const Match keyword = co_await r.in.match(match_keyword);
    if (keyword.part() && !r.in.natural()) {
      r.in.take(r.in.rest().size());
      announce_cut(r, sink);
      co_return true;
    }
    if (keyword.yes()) {
      key = r.in.rest().substr(0, keyword.which);
      r.in.take(keyword.length);
    }
    if (key.empty() && !sink.announced()) co_return false;
    if (key.empty()) {
      sink.arguments("}");
      co_return true;
    }
    sink.arguments(index == 0 ? "{" : ",");
    sink.arguments(json_string(key) + ":");
    co_await skip_space(r);
    const bool whole = co_await read_value(r, ValueSyntax::python, sink);
    if (whole) continue;
    if (!r.in.met_end() || r.in.natural()) sink.arguments("}");
    co_return true;
  }
}

Task<CallsEnd> read_python_calls(Reading& r, const CallLayout& call) {
  co_await skip_space(r);
  const int c = co_await r.in.peek();
  if (c == '[') r.in.take(1);
  const bool called = co_await read_list_of_calls(r, call, c == '[');
  if (!called) co_return CallsEnd::nothing;
  const Match closed = co_await r.in.at("]");
  if (closed.yes()) r.in.take(1);
  co_await skip_marker(r, call.section_close);
  co_return CallsEnd::called;
}

Task<CallsEnd> read_gemma_calls(Reading& r, const CallLayout& call) {
  co_await skip_marker(r, "call:");
  CallSink sink(r, call);
  std::string name;
  for (;;) {
    const int c = co_await r.in.peek();
    if (c == Input::kEnd) co_return CallsEnd::nothing;
    if (c == '{') break;
    if (c < 0x20 || c == '<' || name.size() >= 256) co_return CallsEnd::nothing;
    name += static_cast<char>(c);
    r.in.take(1);
  }
  sink.name = clean_name(name);
  if (sink.name.empty()) co_return CallsEnd::nothing;
  co_await read_value(r, ValueSyntax::gemma, sink);
  if (!sink.announced()) co_return CallsEnd::nothing;
  r.in.keep();
  co_await skip_marker(r, call.section_close);
  co_return CallsEnd::called;
}

Task<CallsEnd> read_code(Reading& r, const CallLayout& call) {
  co_await skip_space(r);
  const int first = co_await r.in.peek();
  if (first == '{') {
    CallLayout marked = call;
    co_return co_await read_json_calls(r, marked);
  }
  if (first == Input::kEnd) co_return CallsEnd::nothing;
  CallSink sink(r, call);
  const Match built_in = co_await r.in.match(match_built_in);
  if (built_in.yes()) {
    const std::string tool(r.in.rest().substr(0, built_in.length));
    r.in.take(built_in.length + 5);
    // Behind the name stands ".call", in front of its parenthesis.
    sink.name = tool;
    const bool called = co_await read_python_call(r, sink);
    co_return called ? CallsEnd::called : CallsEnd::nothing;
  }
  sink.name = r.tools.first_offered({"python", "ipython", "code_interpreter", "python"});
  std::string key = r.tools.parameters(sink.name).property_name(0);
  if (key.empty()) key = "code";
  sink.arguments("{" + json_string(key) + ":\"");
  while (co_await r.in.any()) {
    std::string escaped;
    append_escaped(r.in.rest(), escaped);
    r.in.take(r.in.rest().size());
    sink.arguments(escaped);
  }
  if (r.in.natural()) sink.arguments("\"}");
  co_return CallsEnd::called;
}

}  // namespace llm::chat
