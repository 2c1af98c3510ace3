// Functionary 3.2: blocks headed by whom they are for, `all` or a function, and parted by `>>>`.
#include <cctype>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

constexpr std::string_view kBreak = ">>>";
constexpr std::size_t kMaxName = 128;

bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

/// The head of a block: its recipient and the line break.
Match match_head(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && n < kMaxName && is_name_byte(text[n])) ++n;
  if (n == text.size()) return {Match::Kind::more, 0, 0};
  return {n > 0 && text[n] == '\n' ? Match::Kind::yes : Match::Kind::no, n + 1, n};
}

bool is_code_tool(std::string_view name) {
  return name == "python" || name == "code_interpreter" || name == "ipython";
}

/// Text up to the break in front of another head, which is taken.
template <class Put>
Task<bool> read_text(Reading& r, Put put) {
  while (co_await r.in.any()) {
    const std::string_view text = r.in.rest();
    const std::size_t plain = std::min(text.find(kBreak[0]), text.size());
    if (plain > 0) {
      put(text.substr(0, plain));
      r.in.take(plain);
      continue;
    }
    const Match match = co_await r.in.match([](std::string_view rest) {
      Match at_break = match_text(rest, kBreak);
      if (!at_break.yes()) return at_break;
      const Match head = match_head(rest.substr(kBreak.size()));
      return Match{head.kind, kBreak.size(), 0};
    });
    if (match.yes()) {
      r.in.take(match.length);
      co_return true;
    }
    const std::size_t bytes = match.part() ? r.in.rest().size() : 1;
    if (!match.part() || r.in.natural()) put(r.in.rest().substr(0, bytes));
    r.in.take(bytes);
  }
  co_return false;
}

/// Behind the head of a call. True when another block follows.
Task<bool> read_block_call(Reading& r, const CallLayout& call, std::string name) {
  CallSink sink(r, call);
  sink.name = std::move(name);
  co_await skip_space(r);
  const int c = co_await r.in.peek();
  if (c != '{' && is_code_tool(sink.name) && c != Input::kEnd) {
    std::string key = r.tools.parameters(sink.name).property_name(0);
    sink.arguments("{" + json_string(key.empty() ? "code" : key) + ":\"");
    const bool more = co_await read_text(r, [&sink](std::string_view text) {
      std::string escaped;
      append_escaped(text, escaped);
      sink.arguments(escaped);
    });
    if (more || r.in.natural()) sink.arguments("\"}");
    co_return more;
  }
  if (c == '{') {
    co_await read_value(r, ValueSyntax::json, sink);
  } else if (c == Input::kEnd) {
    announce_cut(r, sink);
    if (r.in.natural()) sink.arguments("{}");
  }
  if (!sink.announced()) {
    if (!(r.in.met_end() && !r.in.natural())) r.out.content(r.in.kept());
  }
  r.in.drop_kept();
  const bool next = co_await skip_marker(r, std::string(kBreak));
  co_return next;
}

}  // namespace

Task<bool> read_recipients(Reading& r, const CallLayout* call) {
  bool at_head = r.generation_prompt.ends_with(kBreak);
  const auto put = [&r](std::string_view text) { r.out.content(text); };
  while (co_await r.in.any()) {
    if (!at_head) {
      at_head = co_await read_text(r, put);
      continue;
    }
    at_head = false;
    const Match head = co_await r.in.match(match_head);
    if (head.part() && !r.in.natural()) {
      r.in.take(r.in.rest().size());
      co_return true;
    }
    if (!head.yes()) continue;  // no head after all: text
    r.in.keep();
    std::string name(r.in.rest().substr(0, head.which));
    if (name == "all") {
      r.in.take(head.length);
      r.in.drop_kept();
    } else if (call == nullptr) {
      r.out.content(r.in.rest().substr(0, head.length));
      r.in.take(head.length);
      r.in.drop_kept();
    } else {
      r.in.take(head.length);
      at_head = co_await read_block_call(r, *call, std::move(name));
    }
  }
  co_return true;
}

}  // namespace llm::chat
