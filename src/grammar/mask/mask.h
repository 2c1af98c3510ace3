// Which tokens of a vocabulary may follow a state.
#pragma once

#include "grammar/automaton/automaton.h"
#include "grammar/mask/token_set.h"

namespace llm::grammar {

/// Kept with the state: the next call is free. `state` belongs to `automaton`, which must not be
/// used with another vocabulary.
const TokenSet& allowed_tokens(Automaton& automaton, const State* state,
                               const Vocabulary& vocabulary);

}  // namespace llm::grammar
