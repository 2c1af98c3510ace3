// The outer level of a reply: reasoning, content, and where calls begin.
#include <algorithm>
#include <optional>

#include "chat/formats/reading.h"

namespace llm::chat {
namespace {

/// What a marker in the reply means.
enum class Mark { reasoning_start, reasoning_end, dropped, calls, code };

/// Markers with their meanings; of two with the same text the first one counts.
class Marks {
 public:
  void add(std::string_view marker, Mark mark) {
    if (texts.add(marker)) meanings.push_back(mark);
  }
  MarkerSet texts;
  std::vector<Mark> meanings;
};

void add_openers(Marks& marks, const Reading& r) {
  if (!r.reads_calls) return;
  for (const CallLayout& call : r.layout.calls) {
    for (const std::string& open : call.section_open) marks.add(open, Mark::calls);
    marks.add(call.call_open, Mark::calls);
    if (call.is_markerless()) marks.add("{", Mark::calls);
  }
  marks.add(r.layout.code_tag, Mark::code);
}

struct AllMarks {
  Marks reasoning;       // inside reasoning
  Marks start, content;  // outside, before and behind the first text

  explicit AllMarks(const Reading& r) {
    const ReplyLayout& layout = r.layout;
    const ReasoningLayout& thinks = layout.reasoning;
    reasoning.add(thinks.end, Mark::reasoning_end);
    if (thinks.calls_end_it) add_openers(reasoning, r);
    for (Marks* marks : {&start, &content}) {
      if (marks == &start || thinks.anywhere) {
        marks->add(thinks.start, Mark::reasoning_start);
        marks->add(thinks.end, Mark::dropped);
      }
      marks->add(layout.content_start, Mark::dropped);
      marks->add(layout.content_end, Mark::dropped);
      for (const std::string& text : layout.dropped) marks->add(text, Mark::dropped);
      add_openers(*marks, r);
    }
  }
};

/// One step in text: up to the next marker, which is taken when it is there. No marker: the text
/// went to `put`.
template <class Put>
Task<std::optional<Match>> step(Reading& r, const MarkerSet& markers, Put put) {
  const std::string_view text = r.in.rest();
  const std::size_t plain = markers.plain_prefix(text);
  if (plain > 0) {
    put(text.substr(0, plain));
    r.in.take(plain);
    co_return std::nullopt;
  }
  const Match match = co_await r.in.match(markers);
  if (match.yes()) co_return match;
  // A marker that the reply ends in: dropped when it was cut off, else it is none.
  const std::size_t bytes = match.part() ? r.in.rest().size() : 1;
  if (!match.part() || r.in.natural()) put(r.in.rest().substr(0, bytes));
  r.in.take(bytes);
  co_return std::nullopt;
}

/// At an opener of calls. What turns out to be no call goes to `put`.
template <class Put>
Task<bool> try_calls(Reading& r, Mark mark, std::size_t length, Put put) {
  std::string opener(r.in.rest().substr(0, length));
  r.in.keep();
  const bool is_markerless = opener == "{";
  if (!is_markerless) r.in.take(length);
  Task<CallsEnd> task =
      mark == Mark::code ? read_code(r, r.layout.calls.front()) : read_calls(r, std::move(opener));
  const CallsEnd end = co_await std::move(task);
  const bool was_cut = r.in.met_end() && !r.in.natural();
  if (end == CallsEnd::nothing && !was_cut) {
    if (r.in.kept().empty()) r.in.take(1);
    put(r.in.kept());
    if (!is_markerless) r.out.warn("markup that cannot be read as a call is left in the text");
  }
  r.in.drop_kept();
  co_return end == CallsEnd::called;
}

/// Inside reasoning, until it ends or the reply does.
Task<bool> read_reasoning(Reading& r, const AllMarks& all) {
  const auto put = [&r](std::string_view text) { r.out.reasoning(text); };
  while (co_await r.in.any()) {
    const std::optional<Match> match = co_await step(r, all.reasoning.texts, put);
    if (!match) continue;
    const Mark mark = all.reasoning.meanings[match->which];
    if (mark == Mark::reasoning_end) {
      const std::string tag(r.in.rest().substr(0, match->length));
      r.in.take(match->length);
      r.out.close_reasoning(tag);
      co_return true;
    }
    const bool called = co_await try_calls(r, mark, match->length, put);
    if (called) co_return true;
  }
  co_return true;
}

/// Outside, until reasoning begins or the reply ends.
Task<bool> read_content(Reading& r, const AllMarks& all) {
  const auto put = [&r](std::string_view text) { r.out.content(text); };
  while (co_await r.in.any()) {
    const bool at_start = !r.out.has_content();
    const std::string_view text = r.in.rest();
    if (at_start && is_space(text[0])) {
      // White space may still be followed by reasoning.
      const std::size_t blank = std::min(text.find_first_not_of(kSpace), text.size());
      put(text.substr(0, blank));
      r.in.take(blank);
      continue;
    }
    const Marks& marks = at_start ? all.start : all.content;
    const std::optional<Match> match = co_await step(r, marks.texts, put);
    if (!match) continue;
    const Mark mark = marks.meanings[match->which];
    if (mark == Mark::calls || mark == Mark::code) {
      co_await try_calls(r, mark, match->length, put);
      continue;
    }
    const std::string tag(r.in.rest().substr(0, match->length));
    r.in.take(match->length);
    if (mark == Mark::reasoning_start) {
      r.out.open_reasoning(tag);
      co_return true;
    }
  }
  co_return true;
}

/// What the prompt ends with, for a reply that begins in the middle.
Task<bool> enter(Reading& r) {
  const ReasoningLayout& thinks = r.layout.reasoning;
  const std::string_view prompt = r.generation_prompt;
  const PromptReasoning state = prompt_reasoning(thinks, prompt);
  if (!state.is_open) {
    if (state.has_content) r.out.continue_content();
    if (state.is_closed && !state.has_content) r.out.trim_next();
    co_return true;
  }
  const std::string_view begun = prompt.substr(state.start_at);
  const bool is_continued =
      begun.size() > thinks.start.size() &&
      begun.substr(thinks.start.size()).find_first_not_of(kSpace) != std::string_view::npos;
  const bool shows_tag = !thinks.start.empty() && !is_continued;
  r.out.open_reasoning(shows_tag ? begun : "", is_continued);
  if (is_continued || thinks.start.empty()) co_return true;
  // Some models open the block once more.
  const std::string again = thinks.start;
  const Match match = co_await r.in.match([&again](std::string_view text) {
    std::size_t space = 0;
    while (space < text.size() && space < 16 && is_space(text[space])) ++space;
    Match found = match_text(text.substr(space), again);
    found.length += space;
    return found;
  });
  if (match.yes()) r.in.take(match.length);
  co_return true;
}

}  // namespace

PromptReasoning prompt_reasoning(const ReasoningLayout& thinks, std::string_view prompt) {
  PromptReasoning state;
  if (!thinks.exists()) return state;
  const std::size_t end = prompt.rfind(thinks.end);
  state.is_closed = end != std::string_view::npos;
  std::size_t start = thinks.start.empty() ? std::string_view::npos : prompt.rfind(thinks.start);
  state.is_open = start != std::string_view::npos && (!state.is_closed || start > end);
  if (thinks.always_open && !state.is_closed) {
    state.is_open = true;
    if (start == std::string_view::npos) start = prompt.size();
  }
  if (state.is_open) state.is_closed = false;
  state.start_at = start;
  if (state.is_closed)
    state.has_content =
        prompt.substr(end + thinks.end.size()).find_first_not_of(kSpace) != std::string_view::npos;
  return state;
}

Task<bool> read_reply(Reading& r) {
  const CallLayout* call = r.reads_calls ? &r.layout.calls.front() : nullptr;
  const CallSyntax syntax =
      r.layout.calls.empty() ? CallSyntax::json : r.layout.calls.front().syntax;
  if (syntax == CallSyntax::harmony) co_return co_await read_harmony(r, call);
  if (syntax == CallSyntax::recipients) co_return co_await read_recipients(r, call);
  const AllMarks all(r);
  const bool more = co_await r.in.any();
  if (!more) co_return true;
  co_await enter(r);
  while (co_await r.in.any()) {
    if (r.out.in_reasoning())
      co_await read_reasoning(r, all);
    else
      co_await read_content(r, all);
  }
  co_return true;
}

}  // namespace llm::chat
