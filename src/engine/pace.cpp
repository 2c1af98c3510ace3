#include "engine/pace.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace llm {
namespace {

// New measurements weigh a fifth: steps vary by a few per cent, machines drift within seconds.
constexpr double kWeight = 0.2;
// A gap of 2x is the promise; a step of 1.8x leaves room for what the estimate misses.
constexpr double kShareBesideStreams = 0.8;
// Without streams a step only bounds how long a new request waits to be admitted.
constexpr double kAloneMs = 250;
constexpr int kFirstChunk = 128, kFirstChunkBesideStreams = 16;
constexpr int kLeastBesideStreams = 4, kLeastAlone = 32;
// Of so many steps the streams have one for themselves.
constexpr int kStepsUntilAlone = 32;

void blend(double& average, double value) {
  average = average == 0 ? value : average + kWeight * (value - average);
}

}  // namespace

int Pace::bucket(int decoding) {
  return std::min<int>(11, std::bit_width(static_cast<unsigned>(decoding)) - 1);
}

double Pace::decode_ms(int decoding) const {
  if (decoding <= 0) return 0;
  const int wanted = bucket(decoding);
  for (int distance = 0; distance < 12; ++distance) {
    for (const int near : {wanted - distance, wanted + distance}) {
      if (near >= 0 && near < 12 && decode_ms_[near] > 0) return decode_ms_[near];
    }
  }
  return 0;
}

void Pace::record(const StepRecord& step) {
  const bool shared = step.prompt_tokens > 0 && step.decoding > 0;
  shared_steps_ = shared ? shared_steps_ + 1 : 0;
  if (step.prompt_tokens == 0) {
    if (step.decoding > 0) blend(decode_ms_[bucket(step.decoding)], step.ms);
    return;
  }
  const double prompt_ms = step.ms - decode_ms(step.decoding);
  // A handful of tokens costs a pass over the weights, which says nothing about the next thousand.
  if (step.decoding == 0 && step.prompt_tokens < kLeastAlone) return;
  blend(prompt_ms_per_token_, std::max(prompt_ms, 0.02 * step.ms) / step.prompt_tokens);
}

bool Pace::take_step_alone() {
  if (fixed_ms_ > 0 || shared_steps_ < kStepsUntilAlone) return false;
  shared_steps_ = 0;  // whether that step comes about or not: they may wait for the prompt's pages
  return true;
}

int Pace::prompt_tokens(int decoding) const {
  const bool alone = decoding == 0;
  const double budget_ms = alone           ? kAloneMs
                           : fixed_ms_ > 0 ? fixed_ms_
                                           : kShareBesideStreams * decode_ms(decoding);
  if (prompt_ms_per_token_ == 0) return alone ? kFirstChunk : kFirstChunkBesideStreams;
  const double tokens = std::floor(budget_ms / prompt_ms_per_token_);
  return static_cast<int>(
      std::clamp<double>(tokens, alone ? kLeastAlone : kLeastBesideStreams, 1e6));
}

}  // namespace llm
