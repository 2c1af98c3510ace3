// Which bytes continue a character, as a tiny automaton.
#pragma once

namespace llm::grammar {

inline constexpr int kCharacterBoundary = 0;
inline constexpr int kUtf8States = 8;

/// The state behind `byte`, -1 where it cannot follow.
int next_utf8_state(int state, int byte);

}  // namespace llm::grammar
