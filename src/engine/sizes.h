// How large the parts of an engine are when the settings leave it open.
#pragma once

#include "engine/engine.h"

namespace llm {

int count_slots(const EngineSettings& settings);

/// Tokens that one sequence may have: -c, or the model's own context where memory holds it.
int context_per_slot(const Model& model, const EngineSettings& settings);

/// At most, of all sequences together.
int tokens_per_step(const EngineSettings& settings);

/// Pages of the cache. Every slot may end inside a page, and a partly matching page is copied
/// before it is used.
int count_pages(const Model& model, const EngineSettings& settings);

}  // namespace llm
