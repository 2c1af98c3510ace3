// Text in which no stop occurs, as a deterministic automaton over bytes (Aho and Corasick 1975,
// beside one that keeps characters whole).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "grammar/automaton/program.h"

namespace llm::grammar {

struct StopState {
  std::vector<ByteEdge> edges;  // `next` is an index into the states
  bool between_characters = false;
};

/// State 0 is the start. Throws GrammarError when the stops are too long together.
std::vector<StopState> stop_automaton(std::span<const std::string> stops);

}  // namespace llm::grammar
