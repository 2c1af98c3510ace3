// Calls whose parameters are elements named after themselves, with values expanded recursively
// (MiniMax M3).
#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

constexpr int kMaxNesting = 64;

/// What follows white space: the start of an element, or of a closing tag.
struct ChildMatch {
  std::string_view prefix;

  Match operator()(std::string_view text) const {
    std::size_t space = 0;
    while (space < text.size() && space < 64 && is_space(text[space])) ++space;
    text.remove_prefix(space);
    if (!text.starts_with(prefix)) return match_text(text, prefix);
    if (text.size() < prefix.size() + 2) return {Match::Kind::more, 0, 0};
    if (text[prefix.size()] != '<') return {};
    const bool closes = text[prefix.size() + 1] == '/';
    return {Match::Kind::yes, space + prefix.size() + (closes ? 2 : 1), closes ? 1U : 0U};
  }
};

/// Text up to the closing tag, which is taken. False at the end of the reply.
template <class Put>
Task<bool> read_text(Reading& r, const std::string& close, Put put) {
  while (co_await r.in.any()) {
    const std::string_view text = r.in.rest();
    const std::size_t plain = std::min(text.find(close[0]), text.size());
    if (plain > 0) {
      put(text.substr(0, plain));
      r.in.take(plain);
      continue;
    }
    const Match match = co_await r.in.at(close);
    if (match.part()) r.in.take(r.in.rest().size());
    if (match.part()) co_return false;
    if (!match.yes()) put(r.in.rest().substr(0, 1));
    r.in.take(match.yes() ? match.length : 1);
    if (match.yes()) co_return true;
  }
  co_return false;
}

Task<bool> read_leaf(Reading& r, const std::string& close, const SchemaView& schema,
                     CallSink& sink) {
  const ValueKind kind = schema.kind();
  if (kind == ValueKind::text) {
    sink.arguments("\"");
    const bool whole = co_await read_text(r, close, [&sink](std::string_view text) {
      std::string escaped;
      append_escaped(text, escaped);
      sink.arguments(escaped);
    });
    if (whole || r.in.natural()) sink.arguments("\"");
    co_return whole;
  }
  std::string text;
  const bool whole = co_await read_text(r, close, [&text](std::string_view more) { text += more; });
  if (!whole && !r.in.natural()) co_return false;
  const bool is_empty = text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (is_empty && kind == ValueKind::container)
    sink.arguments(schema.is_array() ? "[]" : "{}");
  else
    sink.arguments(value_as_json(text, kind));
  co_return whole;
}

/// Behind the opening tag `name`; over its closing tag. False at the end of the reply.
Task<bool> read_element(Reading& r, const CallLayout& call, std::string name, SchemaView schema,
                        CallSink& sink, int depth) {
  const std::string close = call.tag_prefix + "</" + name + ">";
  const ChildMatch child{call.tag_prefix};
  Match next;
  if (depth < kMaxNesting) next = co_await r.in.match(child);
  if (!next.yes() || next.which != 0) co_return co_await read_leaf(r, close, schema, sink);
  bool is_array = schema.is_array();
  for (bool first = true; next.yes() && next.which == 0; first = false) {
    r.in.take(next.length);
    std::string key;
    const bool named = co_await read_name(r, ">", key);
    if (!named) break;
    if (first) {
      is_array = is_array || (!schema.is_object() && key == "item");
      sink.arguments(is_array ? "[" : "{");
    } else {
      sink.arguments(",");
    }
    if (!is_array) sink.arguments(json_string(key) + ":");
    const SchemaView inner = is_array ? schema.items() : schema.property(key);
    const bool whole = co_await read_element(r, call, key, inner, sink, depth + 1);
    if (!whole) {
      if (r.in.natural()) sink.arguments(is_array ? "]" : "}");
      co_return false;
    }
    next = co_await r.in.match(child);
  }
  const bool cut = next.part() && !r.in.natural();
  if (!cut) sink.arguments(is_array ? "]" : "}");
  co_await skip_marker(r, close);
  co_return !next.part();
}

Task<bool> read_nested_call(Reading& r, const CallLayout& call) {
  CallSink sink(r, call);
  const bool named = co_await read_name(r, call.name_close, sink.name);
  if (!named) co_return false;
  const SchemaView schema = r.tools.parameters(sink.name);
  const ChildMatch child{call.tag_prefix};
  for (bool first = true;; first = false) {
    const Match next = co_await r.in.match(child);
    const bool at_end = next.part() || r.in.rest().empty();
    if (at_end && !r.in.natural()) {
      announce_cut(r, sink);
      co_return sink.announced();
    }
    if (!next.yes() && !at_end && !sink.announced()) co_return false;
    if (!next.yes() || next.which != 0) {
      sink.arguments(first ? "{}" : "}");
      if (!at_end) co_await skip_marker(r, call.call_close);
      co_return true;
    }
    r.in.take(next.length);
    std::string key;
    const bool has_key = co_await read_name(r, ">", key);
    if (!has_key) {
      if (!sink.announced() && !(r.in.met_end() && !r.in.natural())) co_return false;
      announce_cut(r, sink);
      if (!r.in.met_end() || r.in.natural()) sink.arguments("}");
      co_return true;
    }
    sink.arguments(first ? "{" : ",");
    sink.arguments(json_string(key) + ":");
    const bool whole = co_await read_element(r, call, key, schema.property(key), sink, 0);
    if (whole) continue;
    if (r.in.natural()) sink.arguments("}");
    co_return true;
  }
}

}  // namespace

Task<CallsEnd> read_nested_calls(Reading& r, const CallLayout& call, bool opened) {
  return read_in_turn(r, call, opened, read_nested_call);
}

}  // namespace llm::chat
