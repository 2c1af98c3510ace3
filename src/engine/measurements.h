// What the engine's thread measures: written without locks, read by whoever wants to know.
#pragma once

#include "base/histogram.h"
#include "engine/engine.h"

namespace llm {

struct Measurements {
  Measurements();
  EngineHistograms values() const;

  Histogram queue_seconds, first_token_seconds, output_token_seconds, request_seconds;
  Histogram prompt_tokens, output_tokens;
  Histogram step_tokens, step_sequences, step_seconds;
};

}  // namespace llm
