// How much prompt fits into a step, learned from the steps before: streams that run beside a long
// prompt keep at least half of the speed that they have alone.
#pragma once

#include <array>

namespace llm {

/// What one step held and how long it took.
struct StepRecord {
  int decoding = 0;  // sequences that generated a token
  int prompt_tokens = 0;
  double ms = 0;
};

class Pace {
 public:
  /// fixed_ms: prompt work per step beside streams; 0: as long as the streams' own work.
  explicit Pace(double fixed_ms = 0) : fixed_ms_(fixed_ms) {}

  void record(const StepRecord& step);
  /// Prompt tokens that the next step may hold beside `decoding` streams.
  int prompt_tokens(int decoding) const;
  /// Whether the streams should have the next step for themselves; true once. What they take alone
  /// grows with their texts and has to be seen.
  bool take_step_alone();

 private:
  static int bucket(int decoding);
  double decode_ms(int decoding) const;  // 0: not known yet

  double fixed_ms_;
  std::array<double, 12> decode_ms_{};  // by log2 of the number of streams
  double prompt_ms_per_token_ = 0;
  int shared_steps_ = 0;  // since the streams last had one for themselves
};

}  // namespace llm
