#include "grammar/automaton/stop_automaton.h"

#include <algorithm>
#include <map>
#include <utility>

#include "grammar/automaton/aho_corasick.h"
#include "grammar/automaton/utf8_state.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kMaxStopBytes = 20'000;

}  // namespace

std::vector<StopState> stop_automaton(std::span<const std::string> stops) {
  std::size_t total = 0;
  for (const std::string& stop : stops) total += stop.size();
  if (total > kMaxStopBytes) {
    throw GrammarError(
        fmt::format("the texts that end a free text are longer than {} bytes", kMaxStopBytes));
  }
  const AhoCorasick words(stops);
  std::vector<StopState> states;
  std::vector<std::pair<std::int32_t, int>> parts = {{0, kCharacterBoundary}};  // of every state
  std::map<std::pair<std::int32_t, int>, std::int32_t> known = {{parts[0], 0}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [node, unicode] = parts[i];
    StopState state{.between_characters = unicode == kCharacterBoundary};
    for (int byte = 0; byte < 256; ++byte) {
      const std::int32_t next_node = words.next(node, static_cast<std::uint8_t>(byte));
      const int next = next_utf8_state(unicode, byte);
      if (next < 0 || words.longest(next_node) >= 0) continue;
      const auto [found, is_new] =
          known.try_emplace(std::pair(next_node, next), static_cast<std::int32_t>(parts.size()));
      if (is_new) parts.push_back(found->first);
      const auto value = static_cast<std::uint8_t>(byte);
      if (!state.edges.empty() && state.edges.back().next == found->second &&
          state.edges.back().high + 1 == byte) {
        state.edges.back().high = value;
      } else {
        state.edges.push_back({value, value, found->second});
      }
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace llm::grammar
