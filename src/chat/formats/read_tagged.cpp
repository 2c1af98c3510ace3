// Calls whose parameters stand between tags: Qwen3-Coder, Seed, GLM, Hunyuan, MiniMax M2, DeepSeek
// V3.2, MiniCPM 5.
#include <algorithm>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

/// So much of a JSON value is read before it is believed to be one and given out as it comes; until
/// then it may become a string.
constexpr std::size_t kSureBytes = 32;
constexpr std::size_t kMaxSpace = 64;

std::size_t space_before(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && n < kMaxSpace && is_space(text[n])) ++n;
  return n;
}

/// One of `markers` behind white space.
Match match_any_behind_space(std::string_view text, const std::vector<std::string>& markers) {
  const std::size_t space = space_before(text);
  Match best;
  for (std::size_t i = 0; i < markers.size(); ++i) {
    if (markers[i].empty()) continue;
    const Match one = match_text(text.substr(space), markers[i]);
    if (one.yes()) return {Match::Kind::yes, space + one.length, i};
    if (one.kind == Match::Kind::more) best.kind = one.kind;
  }
  return best;
}

/// Where a parameter's value ends: its closing tag, but only where the call goes on behind it, so
/// that a value may contain the tag.
struct ValueEnd {
  std::string close;
  std::vector<std::string> followers;
  bool line_break = false;  // one in front of the tag belongs to it

  Match operator()(std::string_view text) const {
    std::size_t at = 0;
    if (line_break && text.starts_with("\r\n"))
      at = 2;
    else if (line_break && text.starts_with('\n'))
      at = 1;
    Match match = match_text(text.substr(at), close);
    if (!match.yes()) return match;
    at += match.length;
    const Match next = match_any_behind_space(text.substr(at), followers);
    match.kind = next.kind;
    match.length = at;
    return match;
  }
  bool may_begin(char c) const { return c == close[0] || (line_break && (c == '\n' || c == '\r')); }
};

/// The text of a value in pieces to `put`, and over its end. False when the reply ends before.
template <class Put>
Task<bool> read_text(Reading& r, const ValueEnd& end, Put put) {
  while (co_await r.in.any()) {
    const std::string_view text = r.in.rest();
    const std::size_t plain = static_cast<std::size_t>(
        std::find_if(text.begin(), text.end(), [&](char c) { return end.may_begin(c); }) -
        text.begin());
    if (plain > 0) {
      put(text.substr(0, plain));
      r.in.take(plain);
      continue;
    }
    const Match match = co_await r.in.match([&end](std::string_view rest) { return end(rest); });
    if (match.part()) {
      r.in.take(r.in.rest().size());
      co_return r.in.natural();
    }
    if (match.yes()) {
      r.in.take(match.length);
      co_return true;
    }
    put(r.in.rest().substr(0, 1));
    r.in.take(1);
  }
  co_return false;
}

Task<bool> read_string_value(Reading& r, const ValueEnd& end, CallSink& sink) {
  sink.arguments("\"");
  const bool whole = co_await read_text(r, end, [&sink](std::string_view text) {
    std::string escaped;
    append_escaped(text, escaped);
    sink.arguments(escaped);
  });
  if (whole || r.in.natural()) sink.arguments("\"");
  co_return whole;
}

Task<bool> read_whole_value(Reading& r, const ValueEnd& end, CallSink& sink, ValueKind kind,
                            std::string text) {
  const bool whole = co_await read_text(r, end, [&text](std::string_view more) { text += more; });
  if (whole || r.in.natural()) sink.arguments(value_as_json(text, kind));
  co_return whole;
}

/// A value that begins like an object or array.
Task<bool> read_container(Reading& r, const ValueEnd& end, CallSink& sink, ValueKind kind) {
  ValueReader reader(ValueSyntax::json);
  std::string text, json;
  bool is_sure = false;
  ValueReader::Step step = ValueReader::Step::more;
  while (step == ValueReader::Step::more) {
    const int c = co_await r.in.peek();
    if (c == Input::kEnd) break;
    step = reader.put(static_cast<char>(c), json);
    if (step == ValueReader::Step::failed) break;
    r.in.take(1);
    if (!is_sure) text += static_cast<char>(c);
    is_sure = is_sure || text.size() >= kSureBytes;
    if (!is_sure) continue;
    sink.arguments(json);
    json.clear();
  }
  if (step == ValueReader::Step::more && r.in.natural()) reader.close(json);
  if (step == ValueReader::Step::more) {
    sink.arguments(json);
    co_return false;
  }
  if (step == ValueReader::Step::done) {
    std::string space;
    const std::string close = end.close;
    const Match match = co_await r.in.match([&close](std::string_view rest) {
      const std::size_t blank = space_before(rest);
      Match found = match_text(rest.substr(blank), close);
      found.length += blank;
      return found;
    });
    if (match.yes() || match.part()) {
      sink.arguments(json);
      r.in.take(match.yes() ? match.length : r.in.rest().size());
      co_return match.yes();
    }
  }
  if (!is_sure) co_return co_await read_whole_value(r, end, sink, kind, std::move(text));
  reader.close(json);
  sink.arguments(json);
  r.out.warn("a parameter is not the JSON that it begins as; what could be read is kept");
  co_return co_await read_text(r, end, [](std::string_view) {});
}

/// Behind the parameter's name.
Task<bool> read_parameter(Reading& r, const CallLayout& call, CallSink& sink, ValueKind kind,
                          const ValueEnd& usual_end) {
  if (call.has_string_attribute) {
    std::string attributes;
    const bool closed = co_await read_name(r, ">", attributes);
    if (closed && attributes.find("string=\"true") != attributes.npos) kind = ValueKind::text;
    if (closed && attributes.find("string=\"false") != attributes.npos) kind = ValueKind::unknown;
  }
  if (!call.value_open.empty()) co_await skip_marker(r, call.value_open);
  ValueEnd end = usual_end;
  if (call.has_cdata) {
    const bool wrapped = co_await skip_marker(r, "<![CDATA[");
    if (wrapped) end.close = "]]>" + end.close;
  }
  if (call.edges != ValueEdges::exact) {
    int c = co_await r.in.peek();
    if (c == '\r') {
      r.in.take(1);
      c = co_await r.in.peek();
    }
    if (c == '\n') r.in.take(1);
    end.line_break = c == '\n' || call.edges == ValueEdges::line_breaks;
  }
  if (kind == ValueKind::text) co_return co_await read_string_value(r, end, sink);
  const int c = co_await r.in.peek();
  if (c == '{' || c == '[') co_return co_await read_container(r, end, sink, kind);
  co_return co_await read_whole_value(r, end, sink, kind, "");
}

Task<bool> read_function_name(Reading& r, const CallLayout& call, CallSink& sink) {
  if (!call.name_close.empty()) co_return co_await read_name(r, call.name_close, sink.name);
  co_await skip_space(r);
  for (;;) {
    const int c = co_await r.in.peek();
    if (c == Input::kEnd || is_space(c) || c == '<') break;
    if (c < 0x20 || sink.name.size() >= 256) co_return false;
    sink.name += static_cast<char>(c);
    r.in.take(1);
  }
  co_return !sink.name.empty();
}

/// Behind the opener of the call.
Task<bool> read_tagged_call(Reading& r, const CallLayout& call) {
  CallSink sink(r, call);
  const bool named = co_await read_function_name(r, call, sink);
  if (!named) co_return false;
  const SchemaView schema = r.tools.parameters(sink.name);
  const std::vector<std::string> followers = {call.key_open, call.call_close, call.section_close,
                                              call.call_open};
  ValueEnd end{call.value_close, followers};
  for (bool first = true;; first = false) {
    const Match next = co_await r.in.match(
        [&followers](std::string_view text) { return match_any_behind_space(text, followers); });
    const bool at_end = next.part() || (next.kind == Match::Kind::no && r.in.rest().empty());
    if (at_end && !r.in.natural()) {
      announce_cut(r, sink);
      co_return sink.announced();
    }
    if (!next.yes() && !at_end && !sink.announced()) co_return false;
    if (!next.yes() || next.which != 0) {
      sink.arguments(first ? "{}" : "}");
      if (next.yes() && next.which == 1) r.in.take(next.length);
      if (!next.yes() && !at_end) r.out.warn("a call ends in text that is no parameter");
      co_return true;
    }
    r.in.take(next.length);
    std::string key;
    const bool has_key = co_await read_name(r, call.key_close, key);
    if (!has_key) {
      if (!r.in.met_end() || r.in.natural()) {
        if (!sink.announced()) co_return false;
        sink.arguments("}");
      } else {
        announce_cut(r, sink);
      }
      co_return true;
    }
    sink.arguments(first ? "{" : ",");
    sink.arguments(json_string(key) + ":");
    const bool whole = co_await read_parameter(r, call, sink, schema.property(key).kind(), end);
    if (whole) continue;
    if (r.in.natural()) sink.arguments("}");
    co_return true;
  }
}

}  // namespace

Task<CallsEnd> read_tagged_calls(Reading& r, const CallLayout& call, bool opened) {
  return read_in_turn(r, call, opened, read_tagged_call);
}

}  // namespace llm::chat
