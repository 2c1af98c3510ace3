#include "engine/measurements.h"

#include <algorithm>

namespace llm {
namespace {

// Bounds rise by factors of 2 to 2.5: coarse enough to be cheap, fine enough for percentiles.
constexpr double kWaitSeconds[] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                   1,     2.5,   5,    10,    20,   40,  80,   160};
constexpr double kTokenSeconds[] = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05,
                                    0.075, 0.1,    0.15,  0.25, 0.5,  1,    2.5};
constexpr double kRequestSeconds[] = {0.05, 0.1, 0.25, 0.5, 1,   2.5, 5,
                                      10,   20,  40,   80,  160, 320, 640};
constexpr double kTokens[] = {1,   2,    4,    8,    16,   32,    64,    128,   256,
                              512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072};
constexpr double kSequences[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

}  // namespace

Measurements::Measurements()
    : queue_seconds(kWaitSeconds),
      first_token_seconds(kWaitSeconds),
      output_token_seconds(kTokenSeconds),
      request_seconds(kRequestSeconds),
      prompt_tokens(kTokens),
      output_tokens(kTokens),
      step_tokens(kTokens),
      step_sequences(kSequences),
      step_seconds(kTokenSeconds) {}

EngineHistograms Measurements::values() const {
  return {.queue_seconds = queue_seconds.values(),
          .first_token_seconds = first_token_seconds.values(),
          .output_token_seconds = output_token_seconds.values(),
          .request_seconds = request_seconds.values(),
          .prompt_tokens = prompt_tokens.values(),
          .output_tokens = output_tokens.values(),
          .step_tokens = step_tokens.values(),
          .step_sequences = step_sequences.values(),
          .step_seconds = step_seconds.values()};
}

void EngineHistograms::add(const EngineHistograms& more) {
  queue_seconds.add(more.queue_seconds);
  first_token_seconds.add(more.first_token_seconds);
  output_token_seconds.add(more.output_token_seconds);
  request_seconds.add(more.request_seconds);
  prompt_tokens.add(more.prompt_tokens);
  output_tokens.add(more.output_tokens);
  step_tokens.add(more.step_tokens);
  step_sequences.add(more.step_sequences);
  step_seconds.add(more.step_seconds);
}

void EngineStats::add_past(const EngineStats& past) {
  prompt_tokens += past.prompt_tokens;
  predicted_tokens += past.predicted_tokens;
  decode_calls += past.decode_calls;
  tokens_max = std::max(tokens_max, past.tokens_max);
  prompt_seconds += past.prompt_seconds;
  predicted_seconds += past.predicted_seconds;
  busy_slots_sum += past.busy_slots_sum;
  requests_cancelled += past.requests_cancelled;
  pages_evicted += past.pages_evicted;
  pages_revived += past.pages_revived;
  tokens_moved += past.tokens_moved;
  histograms.add(past.histograms);
}

}  // namespace llm
