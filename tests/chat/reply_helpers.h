// Replies fed to a parser in pieces, and what came of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/format.h"
#include "shared_files.h"

namespace llm::test {

/// The deltas of a reply added up.
struct Collected {
  chat::Message sum;    // of the deltas
  chat::Message whole;  // of the parser
  std::string problem;  // which rule of streaming was broken; empty: none
};

/// Adds a delta up; says what is wrong with it.
inline void collect(Collected& to, const chat::MessageDelta& delta) {
  to.sum.reasoning += delta.reasoning;
  to.sum.content += delta.content;
  for (const chat::CallPiece& piece : delta.calls) {
    const auto index = static_cast<std::size_t>(piece.index);
    const bool is_new = index == to.sum.calls.size();
    if (is_new) {
      if (piece.name.empty() || piece.id.empty()) to.problem = "a call begins without name or id";
      to.sum.calls.push_back({piece.id, piece.name, ""});
    } else if (index + 1 != to.sum.calls.size()) {
      to.problem = "a call that is not the last one goes on";
      continue;
    } else if (!piece.name.empty() || !piece.id.empty()) {
      to.problem = "a call is announced twice";
    }
    to.sum.calls[index].arguments += piece.arguments;
  }
}

inline bool same(const chat::Message& a, const chat::Message& b, bool with_ids) {
  if (a.reasoning != b.reasoning || a.content != b.content || a.calls.size() != b.calls.size())
    return false;
  for (std::size_t i = 0; i < a.calls.size(); ++i)
    if (a.calls[i].name != b.calls[i].name || a.calls[i].arguments != b.calls[i].arguments ||
        (with_ids && a.calls[i].id != b.calls[i].id))
      return false;
  return true;
}

/// `cuts`: ascending offsets.
inline Collected read_reply(const chat::Format& format, const chat::ReplySettings& settings,
                            std::string_view text, const std::vector<std::size_t>& cuts,
                            bool natural) {
  const auto parser = format.parser(settings);
  Collected collected;
  std::size_t from = 0;
  const auto feed = [&](std::size_t to) {
    collect(collected, parser->feed(text.substr(from, to - from)));
    if (!same(collected.sum, parser->message(), true))
      collected.problem = "the deltas are not the message";
    from = to;
  };
  for (const std::size_t cut : cuts) feed(cut);
  feed(text.size());
  collect(collected, parser->finish(natural));
  if (!same(collected.sum, parser->message(), true))
    collected.problem = "the deltas are not the message at the end";
  collected.whole = parser->message();
  return collected;
}

inline std::vector<std::size_t> each_byte(std::string_view text) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < text.size(); ++i) cuts.push_back(i);
  return cuts;
}

}  // namespace llm::test
