// Differential rendering: small conversations with unlikely names are rendered, and what stands
// around the names is taken for markers. The result is believed only if it reads back all of it.
#include "chat/formats/derive.h"

#include <algorithm>

#include "base/error.h"
#include "chat/formats/layout_format.h"
#include "chat/formats/value_reader.h"
#include "chat/text_parts.h"

namespace llm::chat {
namespace {

constexpr std::string_view kNames[] = {"qq_first_fun", "qq_second_fun"};
constexpr std::string_view kKeys[] = {"qq_first_arg", "qq_second_arg"};
constexpr std::string_view kValues[] = {"qqfirstvalue", "qqsecondvalue"};
constexpr std::string_view kIds[] = {"qqcall001", "qqcall002"};
constexpr std::string_view kPlain = "QQ_PLAIN_QQ";
constexpr std::string_view kEnd = "<|qq_end_qq|>";
constexpr std::size_t kNowhere = std::string::npos;
constexpr std::size_t kMaxMarker = 80;

Json offered_tools() {
  Json tools = Json::array();
  for (const std::string_view name : kNames) {
    Json properties = Json::object();
    for (const std::string_view key : kKeys) properties[std::string(key)] = {{"type", "string"}};
    tools.push_back({{"type", "function"},
                     {"function",
                      {{"name", name},
                       {"description", "probe"},
                       {"parameters",
                        {{"type", "object"},
                         {"properties", std::move(properties)},
                         {"required", Json::array()}}}}}});
  }
  return tools;
}

Json made_call(int index, int arguments, bool as_object) {
  Json values = Json::object();
  for (int i = 0; i < arguments; ++i) values[std::string(kKeys[i])] = kValues[i];
  return {{"id", kIds[index]},
          {"type", "function"},
          {"function",
           {{"name", kNames[index]}, {"arguments", as_object ? values : Json(values.dump())}}}};
}

std::string render(const Template& chat_template, const Json& assistant) {
  TemplateInput input;
  input.messages.push_back({{"role", "user"}, {"content", "QQ_USER_QQ"}});
  input.messages.push_back(assistant);
  input.tools = offered_tools();
  input.add_generation_prompt = false;
  input.extra["add_generation_prompt"] = false;
  input.bos_token = "<|qq_begin_qq|>";
  input.eos_token = kEnd;
  try {
    return chat_template.render(input);
  } catch (const RequestError&) {
    return {};
  }
}

/// What the assistant writes when it makes `calls` calls with `arguments` arguments each; empty
/// when the template does not show it.
std::string reply_with(const Template& chat_template, int calls, int arguments) {
  const std::string plain = render(chat_template, {{"role", "assistant"}, {"content", kPlain}});
  const std::size_t at = plain.find(kPlain);
  Json message = {{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array()}};
  for (int i = 0; i < calls; ++i)
    message["tool_calls"].push_back(
        made_call(i, arguments, chat_template.caps().supports_object_arguments));
  const std::string called = render(chat_template, message);
  if (at == kNowhere || called.find(kNames[0]) == kNowhere) return {};
  const std::string_view head = std::string_view(plain).substr(0, at);
  const std::string_view tail = std::string_view(plain).substr(at + kPlain.size());
  std::size_t begin = common_prefix(head, called);
  // A marker is not cut in two.
  const std::size_t opener = called.find_last_of("<[", begin == 0 ? 0 : begin - 1);
  if (begin < head.size() && opener != kNowhere && called.find_first_of(">]", opener) >= begin)
    begin = opener;
  std::size_t end = called.find(kEnd, begin);
  if (end == kNowhere) {
    const bool same_tail = !trimmed(tail).empty() && called.ends_with(tail);
    end = called.size() - (same_tail ? tail.size() : 0);
  }
  return begin < end ? called.substr(begin, end - begin) : std::string();
}

/// The end of the JSON value that begins at `at`; nowhere when there is none.
std::size_t json_end(std::string_view text, std::size_t at) {
  ValueReader reader(ValueSyntax::json);
  std::string json;
  for (std::size_t i = at; i < text.size(); ++i) {
    const ValueReader::Step step = reader.put(text[i], json);
    if (step == ValueReader::Step::failed || step == ValueReader::Step::past_end) return kNowhere;
    if (step == ValueReader::Step::done) return i + 1;
  }
  return kNowhere;
}

std::size_t common_suffix(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < a.size() && n < b.size() && a[a.size() - 1 - n] == b[b.size() - 1 - n]) ++n;
  return n;
}

std::string clean(std::string_view text) {
  return std::string(trimmed(text));
}

std::string_view without_space_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

/// What is common at the ends of `a` and `b`, from the beginning of a marker on.
std::string_view shared_opener(std::string_view a, std::string_view b) {
  const std::string_view shared = a.substr(a.size() - common_suffix(a, b));
  const std::size_t start = shared.find_first_of("<[");
  const bool is_whole = shared.size() == a.size() && !shared.starts_with('>');
  return is_whole || start == kNowhere ? without_space_before(shared) : shared.substr(start);
}

/// Parts a marker that is two in a row, white space between them: "<tool_call>\n<function=".
bool split_in_two(const std::string& both, std::string& first, std::string& second) {
  const std::size_t start = both.find_last_of("<[");
  if (start == kNowhere || start == 0) return false;
  first = clean(std::string_view(both).substr(0, start));
  second = both.substr(start);
  return first.ends_with('>') || first.ends_with(']');
}

/// Members of the object of a call.
bool take_members(CallLayout& call, const Json& object) {
  const std::string_view name = kNames[0];
  std::size_t id_at = 0, arguments_at = 0, at = 0;
  for (const auto& [key, value] : object.items()) {
    ++at;
    if (key == "function" && value.is_object()) return take_members(call, value);
    if (key == name && value.is_object()) {
      call.name_is_key = true;
      return true;
    }
    if (value.is_string() && value == name) call.name_members = {key};
    if (value.is_string() && value == kIds[0]) {
      call.id_members = {key};
      call.id_place = IdPlace::member;
      id_at = at;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.find(kKeys[0]) == kNowhere) continue;
    call.argument_members = {key};
    arguments_at = at;
  }
  call.id_is_last = id_at > arguments_at;
  return !call.name_members.empty() && !call.argument_members.empty();
}

/// A call that is a JSON object, alone or in an array.
bool derive_json(ReplyLayout& layout, const std::string& one, const std::string& two) {
  const std::size_t name = one.find(kNames[0]);
  std::size_t from = 0, to = kNowhere;
  for (; from < name; ++from) {
    if (one[from] != '{' && one[from] != '[') continue;
    to = json_end(one, from);
    if (to != kNowhere && to > name) break;
  }
  if (from >= name) return false;
  Json value = Json::parse(one.substr(from, to - from), nullptr, false);
  CallLayout call;
  call.in_array = value.is_array();
  if (value.is_array()) {
    if (value.empty()) return false;
    value = Json(value[0]);
  }
  if (!value.is_object() || !take_members(call, value)) return false;
  const std::string open = clean(std::string_view(one).substr(0, from));
  if (open.size() > kMaxMarker) return false;
  if (!open.empty()) call.section_open = {open};
  call.section_close = clean(std::string_view(one).substr(to));
  const std::size_t second = two.find(kNames[1]);
  const std::size_t again = open.empty() ? kNowhere : two.find(open, from);
  call.repeats_section = second != kNowhere && again < second;
  const std::string_view text = one;
  const std::size_t opened = open.empty() ? 0 : text.find(open) + open.size();
  call.written_after_open = text.substr(opened, from - opened);
  if (!call.section_close.empty())
    call.written_before_close = text.substr(to, text.find(call.section_close, to) - to);
  layout.calls = {std::move(call)};
  return true;
}

/// Splits what stands around calls into the markers of a section and of a call.
/// `before`: up to the first name; `between`: behind one call's last value, up to the next name;
/// `after`: behind the last value.
void split_markers(CallLayout& call, std::string_view before, std::string_view between,
                   std::string_view after) {
  if (between.empty()) {
    call.call_open = clean(before);
    call.call_close = clean(after);
    return;
  }
  const std::string_view open = shared_opener(before, between);
  call.call_open = open;
  const std::string section = clean(before.substr(0, before.size() - open.size()));
  if (!section.empty()) call.section_open = {section};
  const std::string_view gap = between.substr(0, between.size() - open.size());
  std::size_t same = common_prefix(gap, after);
  // Not into the next marker.
  if (same < gap.size() && same < after.size())
    if (const std::size_t start = gap.substr(0, same).find_last_of("<[");
        start != kNowhere && gap.find_first_of(">]", start) >= same)
      same = start;
  call.call_close = clean(gap.substr(0, same));
  call.separator = gap.substr(same);
  call.section_close = clean(after.substr(same));
  std::string outer_open, inner_open, outer_close, inner_close;
  if (!call.section_open.empty() || !split_in_two(call.call_open, outer_open, inner_open)) return;
  if (!split_in_two(call.call_close, inner_close, outer_close)) return;
  call.section_open = {outer_open};
  call.call_open = inner_open;
  call.call_close = inner_close;
  call.section_close = outer_close;
  call.repeats_section = true;
}

/// A name between markers and a JSON object.
bool derive_named(ReplyLayout& layout, const std::string& one, const std::string& two) {
  const auto arguments_end = [](const std::string& text, std::size_t name, std::size_t& begin) {
    begin = text.find('{', name);
    return begin == kNowhere ? kNowhere : json_end(text, begin);
  };
  const std::size_t name = one.find(kNames[0]);
  const std::size_t behind_name = name + kNames[0].size();
  std::size_t begin = 0;
  const std::size_t end = arguments_end(one, behind_name, begin);
  if (end == kNowhere) return false;
  CallLayout call;
  call.syntax = CallSyntax::named_json;
  const std::string_view text = one;
  std::string_view before = text.substr(0, name);
  std::string_view head = text.substr(behind_name, begin - behind_name);
  if (const std::size_t id = head.find(kIds[0]); id != kNowhere) {
    call.id_place = IdPlace::behind_name;
    call.id_open = clean(head.substr(0, id));
    head.remove_prefix(id + kIds[0].size());
  }
  call.name_close = clean(head);
  std::string_view between;
  const std::size_t second = two.find(kNames[1]);
  if (second != kNowhere) {
    std::size_t first_begin = 0;
    const std::size_t first_end =
        arguments_end(two, two.find(kNames[0]) + kNames[0].size(), first_begin);
    if (first_end == kNowhere || first_end > second) return false;
    between = std::string_view(two).substr(first_end, second - first_end);
  }
  if (const std::size_t id = before.find(kIds[0]); id != kNowhere) {
    call.id_place = IdPlace::before_name;
    call.name_open = clean(before.substr(id + kIds[0].size()));
    before = before.substr(0, id);
    const std::size_t id_between = between.find(kIds[1]);
    between = id_between == kNowhere ? std::string_view() : between.substr(0, id_between);
    if (call.name_open.empty()) return false;
  }
  split_markers(call, before, between, text.substr(end));
  if (call.call_open.empty() || call.name_close.empty()) return false;
  layout.calls = {std::move(call)};
  return true;
}

/// Parameters between tags.
bool derive_tagged(ReplyLayout& layout, const std::string& one, const std::string& two) {
  const std::size_t name = one.find(kNames[0]);
  const std::size_t key = one.find(kKeys[0], name), value = one.find(kValues[0], key);
  const std::size_t key2 = one.find(kKeys[1], value), value2 = one.find(kValues[1], key2);
  if (key == kNowhere || value == kNowhere || key2 == kNowhere || value2 == kNowhere) return false;
  const std::string_view text = one;
  const auto part = [&](std::size_t at, std::string_view needle, std::size_t to) {
    const std::size_t from = at + needle.size();
    return text.substr(from, to == kNowhere ? to : to - from);
  };
  CallLayout call;
  call.syntax = CallSyntax::tagged;
  const std::string_view to_key = part(name, kNames[0], key);
  const std::string_view to_value = part(key, kKeys[0], value);
  const std::string_view to_next = part(value, kValues[0], key2);
  const std::string_view after = part(value2, kValues[1], kNowhere);
  const std::string_view key_open = shared_opener(to_key, to_next);
  call.key_open = key_open;
  call.name_close = clean(to_key.substr(0, to_key.size() - key_open.size()));
  call.value_close = clean(to_next.substr(0, to_next.size() - key_open.size()));
  const std::size_t tag_end = to_value.find('>');
  call.key_close = clean(to_value.substr(0, tag_end == kNowhere ? tag_end : tag_end + 1));
  if (tag_end != kNowhere) call.value_open = clean(to_value.substr(tag_end + 1));
  if (to_value.ends_with('\n') && to_next.starts_with('\n')) call.edges = ValueEdges::line_breaks;
  const std::size_t closed = after.find(call.value_close);
  if (call.key_open.empty() || call.key_close.empty() || call.value_close.empty() ||
      closed == kNowhere)
    return false;
  std::string_view between;
  const std::size_t second = two.find(kNames[1]);
  if (second != kNowhere) {
    std::size_t from = two.find(kValues[1]);
    from = from > second ? kNowhere : two.find(call.value_close, from);
    if (from == kNowhere || from > second) return false;
    from += call.value_close.size();
    between = std::string_view(two).substr(from, second - from);
  }
  split_markers(call, text.substr(0, name), between,
                after.substr(closed + call.value_close.size()));
  if (call.call_open.empty() || call.call_close.empty()) return false;
  layout.calls = {std::move(call)};
  return true;
}

/// Whether the parser made from `layout` reads the calls in `text`.
bool reads_back(const ReplyLayout& layout, const std::string& text, std::size_t calls,
                std::size_t arguments) {
  ReplySettings settings;
  settings.tools = offered_tools();
  const auto parser = LayoutFormat(layout).parser(settings);
  parser->feed(text);
  parser->finish(true);
  const Message& message = parser->message();
  if (message.calls.size() != calls || !trimmed(message.content).empty()) return false;
  for (std::size_t i = 0; i < calls; ++i) {
    const Json values = Json::parse(message.calls[i].arguments, nullptr, false);
    if (message.calls[i].name != kNames[i] || values.size() != arguments) return false;
    for (std::size_t k = 0; k < arguments; ++k)
      if (values.value(std::string(kKeys[k]), "") != kValues[k]) return false;
  }
  return true;
}

}  // namespace

std::optional<ReplyLayout> derive_layout(const Template& chat_template) {
  if (!chat_template.caps().supports_tool_calls) return std::nullopt;
  const std::string one = reply_with(chat_template, 1, 2);
  if (one.empty()) return std::nullopt;
  std::string two = reply_with(chat_template, 2, 2);
  if (two.find(kNames[1]) == kNowhere) two.clear();
  for (const auto derive : {derive_json, derive_named, derive_tagged}) {
    ReplyLayout layout;
    layout.name = "derived";
    layout.reasoning.start = "<think>";
    layout.reasoning.end = "</think>";
    if (!derive(layout, one, two)) continue;
    if (!reads_back(layout, one, 1, 2)) continue;
    if (!two.empty() && !reads_back(layout, two, 2, 2)) continue;
    const CallLayout& call = layout.calls.front();
    const std::string& opener =
        call.section_open.empty() ? call.call_open : call.section_open.front();
    if (!opener.empty()) layout.triggers = {{grammar::Trigger::Kind::word, opener, kNoToken}};
    return layout;
  }
  return std::nullopt;
}

}  // namespace llm::chat
