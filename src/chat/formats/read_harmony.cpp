// gpt-oss (Harmony): a reply is messages, each a header with channel and recipient, and a body.
#include <algorithm>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

constexpr std::string_view kStart = "<|start|>";
constexpr std::string_view kChannel = "<|channel|>";
constexpr std::string_view kMessage = "<|message|>";
constexpr std::string_view kConstrain = "<|constrain|>";
constexpr std::size_t kMaxHeader = 1024;

struct Header {
  std::string channel, recipient;
};

std::string word_at(std::string_view text) {
  const std::size_t from = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::size_t to = text.find_first_of(" \t\r\n<", from);
  return std::string(text.substr(from, to == text.npos ? to : to - from));
}

/// The last channel and the last recipient that is not the assistant itself count: models write
/// stray beginnings in front of the proper header.
Header parse_header(std::string_view text) {
  Header header;
  if (const std::size_t at = text.rfind(kChannel); at != text.npos)
    header.channel = word_at(text.substr(at + kChannel.size()));
  for (std::size_t at = text.find("to="); at != text.npos; at = text.find("to=", at + 3)) {
    const std::string to = word_at(text.substr(at + 3));
    if (to != "assistant" && !to.empty()) header.recipient = to;
  }
  return header;
}

const MarkerSet& body_ends() {
  static const MarkerSet set = [] {
    MarkerSet made;
    for (const char* text : {"<|end|>", "<|return|>", "<|call|>", "<|start|>", "<|channel|>"})
      made.add(text);
    return made;
  }();
  return set;
}

const MarkerSet& header_marks() {
  static const MarkerSet set = [] {
    MarkerSet made;
    for (const std::string_view text : {kMessage, kStart, kChannel, kConstrain}) made.add(text);
    made.add("<|end|>");
    return made;
  }();
  return set;
}

/// Up to the body. Nothing useful: false.
Task<bool> read_header(Reading& r, std::string& text) {
  while (co_await r.in.any()) {
    const Match match = co_await r.in.match(header_marks());
    if (match.part()) r.in.take(r.in.rest().size());
    if (match.part()) co_return false;
    const std::string taken(r.in.rest().substr(0, match.yes() ? match.length : 1));
    r.in.take(taken.size());
    if (taken == kMessage) co_return true;
    if (taken == kStart || taken == "<|end|>")
      text.clear();
    else
      text += taken;
    if (text.size() > kMaxHeader) co_return false;
  }
  co_return false;
}

/// The body to `put`, over its end.
template <class Put>
Task<bool> read_body(Reading& r, Put put) {
  while (co_await r.in.any()) {
    const std::string_view text = r.in.rest();
    const std::size_t plain = body_ends().plain_prefix(text);
    if (plain > 0) {
      put(text.substr(0, plain));
      r.in.take(plain);
      continue;
    }
    const Match match = co_await r.in.match(body_ends());
    if (match.yes()) {
      // The start of another message without an end of this one belongs to that one.
      if (match.which < 3) r.in.take(match.length);
      co_return true;
    }
    const std::size_t bytes = match.part() ? r.in.rest().size() : 1;
    if (!match.part() || r.in.natural()) put(r.in.rest().substr(0, bytes));
    r.in.take(bytes);
  }
  co_return false;
}

Task<bool> read_body_call(Reading& r, const CallLayout& call, std::string name) {
  CallSink sink(r, call);
  sink.name = std::move(name);
  co_await skip_space(r);
  const int c = co_await r.in.peek();
  if (c == '{') {
    co_await read_value(r, ValueSyntax::json, sink);
  } else if (c == Input::kEnd && !r.in.natural()) {
    announce_cut(r, sink);
  } else {
    std::string text;
    co_await read_body(r, [&text](std::string_view more) { text += more; });
    if (text.find_first_not_of(" \t\r\n") == text.npos) {
      sink.arguments("{}");
    } else {
      r.out.warn("the body of a call is no JSON object and is left in the text");
      r.out.content(text);
    }
    co_return true;
  }
  co_await read_body(r, [](std::string_view) {});
  co_return true;
}

Task<bool> read_message(Reading& r, const CallLayout* call, std::string head) {
  constexpr std::string_view kFunctions = "functions.";
  const Header header = parse_header(head);
  const bool is_function = header.recipient.starts_with(kFunctions);
  if (is_function && call != nullptr)
    co_return co_await read_body_call(r, *call, header.recipient.substr(kFunctions.size()));
  if (!header.recipient.empty()) {
    // Built-in tools, or none were offered.
    const bool keeps = is_function;
    if (keeps) r.out.content(head + std::string(kMessage));
    if (!keeps) r.out.warn("a call of '" + header.recipient + "', which is not offered");
    co_return co_await read_body(r, [&r, keeps](std::string_view text) {
      if (keeps) r.out.content(text);
    });
  }
  if (header.channel != "analysis")
    co_return co_await read_body(r, [&r](std::string_view text) { r.out.content(text); });
  r.out.open_reasoning(r.layout.reasoning.start);
  const bool ended = co_await read_body(r, [&r](std::string_view text) { r.out.reasoning(text); });
  r.out.close_reasoning(ended ? r.layout.reasoning.end : "");
  co_return true;
}

/// The part of the prompt's end that is the head of a message already begun.
std::string begun_head(std::string_view prompt) {
  const std::size_t at = prompt.rfind(kStart);
  return std::string(at == prompt.npos ? std::string_view() : prompt.substr(at + kStart.size()));
}

}  // namespace

Task<bool> read_harmony(Reading& r, const CallLayout* call) {
  std::string head = begun_head(r.generation_prompt);
  const std::size_t body = head.find(kMessage);
  const bool more = co_await r.in.any();
  if (!more) co_return true;
  if (body != std::string::npos) {  // goes on with a message
    const bool has_text = body + kMessage.size() < head.size();
    const bool reasons = parse_header(head).channel == "analysis";
    if (reasons) r.out.open_reasoning("", has_text);
    if (!reasons && has_text) r.out.continue_content();
    const auto put = [&r, reasons](std::string_view text) {
      if (reasons)
        r.out.reasoning(text);
      else
        r.out.content(text);
    };
    co_await read_body(r, put);
    if (reasons) r.out.close_reasoning("");
    head.clear();
  } else {
    // Without any header: plain text.
    const Match begins = co_await r.in.match([](std::string_view text) {
      std::size_t at = 0;
      while (at < text.size() && at < 64 && is_space(text[at])) ++at;
      Match any = header_marks().match(text.substr(at));
      if (any.kind == Match::Kind::no) any = match_text(text.substr(at), "to=");
      return any;
    });
    if (begins.kind == Match::Kind::no || (begins.part() && r.in.natural()))
      co_await read_body(r, [&r](std::string_view text) { r.out.content(text); });
  }
  while (co_await r.in.any()) {
    const bool has_body = co_await read_header(r, head);
    if (has_body) co_await read_message(r, call, head);
    head.clear();
  }
  co_return true;
}

}  // namespace llm::chat
