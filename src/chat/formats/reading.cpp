#include "chat/formats/reading.h"

#include <random>

namespace llm::chat {
namespace {

std::string random_id(int length) {
  constexpr std::string_view kAlphabet =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  thread_local std::mt19937_64 engine{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> pick(0, kAlphabet.size() - 1);
  std::string id;
  for (int i = 0; i < length; ++i) id += kAlphabet[pick(engine)];
  return id;
}

/// To a JSON text, also when nothing of the value is there.
void complete(ValueReader& reader, std::string& json) {
  if (!reader.begun()) json += "null";
  reader.close(json);
}

bool asks_for_calls(const ReplySettings& settings) {
  return settings.tools.is_array() && !settings.tools.empty() &&
         settings.tool_choice != ToolChoice::none;
}

}  // namespace

Reading::Reading(const ReplyLayout& of, const ReplySettings& settings)
    : layout(of),
      tools_json(settings.tools),
      tools(&tools_json),
      reads_calls(asks_for_calls(settings) && !of.calls.empty()),
      out(settings.reasoning, !settings.schema.is_null()),
      generation_prompt(settings.generation_prompt),
      make_id(settings.make_id) {}

std::string Reading::id_for(const CallLayout& call, const std::string& name) const {
  if (call.id_place == IdPlace::with_name)
    return "functions." + name + ":" + std::to_string(out.message().calls.size());
  std::string id = make_id ? make_id() : random_id(call.id_length > 0 ? call.id_length : 32);
  const bool fits = call.id_length == 0 || id.size() == static_cast<std::size_t>(call.id_length);
  return fits ? id : random_id(call.id_length);
}

void CallSink::arguments(std::string_view text) {
  if (!announced_ && !name.empty() && (!waits_for_id || !id.empty())) announce();
  if (muted) return;
  if (announced_)
    r_.out.arguments(text);
  else
    buffered_ += text;
}

void CallSink::announce() {
  if (announced_) return;
  announced_ = true;
  if (muted) return;
  if (id.empty()) id = r_.id_for(call_, name);
  r_.out.begin_call(name, id);
  r_.out.arguments(buffered_);
  buffered_.clear();
}

bool is_space(int c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

Task<bool> skip_space(Reading& r) {
  for (int n = 0; n < 4096; ++n) {
    const int c = co_await r.in.peek();
    if (!is_space(c)) co_return true;
    r.in.take(1);
  }
  co_return true;
}

Task<bool> skip_marker(Reading& r, std::string marker) {
  if (marker.empty()) co_return false;
  const Match match = co_await r.in.match([&marker](std::string_view text) {
    std::size_t space = 0;
    while (space < text.size() && space < 256 && is_space(text[space])) ++space;
    Match found = match_text(text.substr(space), marker);
    found.length += space;
    return found;
  });
  if (match.part()) {
    // The end of the text inside the marker, or in white space that nothing follows.
    if (!r.in.natural()) r.in.take(r.in.rest().size());
    co_return false;
  }
  if (match.yes()) r.in.take(match.length);
  co_return match.yes();
}

Task<bool> skip_fence(Reading& r) {
  const bool named = co_await skip_marker(r, "```json");
  if (!named) co_await skip_marker(r, "```");
  co_await skip_space(r);
  co_return true;
}

Task<bool> read_name(Reading& r, std::string marker, std::string& name) {
  constexpr std::size_t kMaxName = 256;
  std::string text;
  for (;;) {
    const Match match = co_await r.in.at(marker);
    const std::string_view rest = r.in.rest();
    if (match.yes()) break;
    if (match.part() || rest.empty() || text.size() >= kMaxName) co_return false;
    if (static_cast<unsigned char>(rest[0]) < 0x20 && !is_space(rest[0])) co_return false;
    text += rest[0];
    r.in.take(1);
  }
  r.in.take(marker.size());
  name = clean_name(text);
  co_return !name.empty();
}

CallsEnd end_calls(Reading& r, bool any) {
  if (!any) return CallsEnd::nothing;
  if (!r.in.kept().empty()) {
    if (!(r.in.met_end() && !r.in.natural())) r.out.content(r.in.kept());
    r.in.keep();
  }
  return CallsEnd::called;
}

void announce_cut(Reading& r, CallSink& sink) {
  if (!r.in.met_end() || r.in.natural() || sink.announced() || sink.name.empty()) return;
  if (sink.has_arguments())
    sink.announce();
  else
    sink.arguments("{");
  sink.announce();
}

Task<bool> read_value(Reading& r, ValueSyntax syntax, CallSink& sink) {
  ValueReader reader(syntax);
  std::string piece;
  while (co_await r.in.any()) {
    // All that is here at once; the input is only touched by this coroutine.
    const std::string_view text = r.in.rest();
    std::size_t read = 0;
    ValueReader::Step step = ValueReader::Step::more;
    for (; read < text.size() && step == ValueReader::Step::more; ++read)
      step = reader.put(text[read], piece);
    const bool gave_back = step == ValueReader::Step::failed || step == ValueReader::Step::past_end;
    r.in.take(gave_back ? read - 1 : read);  // the loop counts the character that was refused
    if (step == ValueReader::Step::failed) complete(reader, piece);
    sink.arguments(piece);
    piece.clear();
    if (step == ValueReader::Step::failed) {
      r.out.warn("the arguments of a call are broken; what could be read is kept");
      co_return false;
    }
    if (step != ValueReader::Step::more) co_return true;
  }
  if (r.in.natural() && sink.announced()) {
    complete(reader, piece);
    sink.arguments(piece);
    r.out.warn("the reply ends inside the arguments of a call; they are completed");
  }
  co_return false;
}

Task<bool> read_wrapped_value(Reading& r, CallSink& sink) {
  std::string text;
  const bool whole = co_await read_string(r, text, 1 << 24);
  std::string json;
  if (!whole) co_return false;
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) json = "{}";
  if (json.empty() && (!to_json(text, ValueSyntax::json, json) || json[0] != '{')) co_return false;
  sink.arguments(json);
  co_return true;
}

Task<bool> read_string(Reading& r, std::string& text, std::size_t limit) {
  const int quote = co_await r.in.peek();
  if (quote != '"' && quote != '\'') co_return false;
  ValueReader reader(ValueSyntax::json);
  std::string json;
  for (;;) {
    const int c = co_await r.in.peek();
    if (c == Input::kEnd && !json.empty()) text = json.substr(1);
    if (c == Input::kEnd || json.size() > limit) co_return false;
    const ValueReader::Step step = reader.put(static_cast<char>(c), json);
    if (step == ValueReader::Step::failed) co_return false;
    r.in.take(1);
    if (step == ValueReader::Step::done) break;
  }
  const Json decoded = Json::parse(json, nullptr, false);
  if (!decoded.is_string()) co_return false;
  text = decoded.get<std::string>();
  co_return true;
}

std::string clean_name(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.size() >= 2 && text.front() == text.back() &&
      (text.front() == '"' || text.front() == '\''))
    text = text.substr(1, text.size() - 2);
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20) return {};
  return std::string(text);
}

std::string value_as_json(std::string_view text, ValueKind kind) {
  std::string json;
  if (kind != ValueKind::text && to_json(text, ValueSyntax::json, json)) return json;
  json.clear();
  if (kind != ValueKind::text && to_json(text, ValueSyntax::python, json)) return json;
  return json_string(text);
}

Task<CallsEnd> read_in_turn(Reading& r, const CallLayout& call, bool opened, ReadCall read_call) {
  for (bool any = false;; any = true) {
    const bool next = opened || co_await skip_marker(r, call.call_open);
    opened = false;
    if (!next) {
      if (!any) co_return CallsEnd::nothing;
      break;
    }
    const bool called = co_await read_call(r, call);
    if (!called) co_return end_calls(r, any);
    r.in.keep();
  }
  co_await skip_marker(r, call.section_close);
  co_return CallsEnd::called;
}

}  // namespace llm::chat
