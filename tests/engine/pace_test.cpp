#include "engine/pace.h"

#include <gtest/gtest.h>

namespace llm {
namespace {

// A machine on which a step costs 20 ms for the streams and 2 ms per prompt token.
double cost_ms(int decoding, int prompt_tokens) {
  return (decoding > 0 ? 20 : 0) + 2.0 * prompt_tokens;
}

void run(Pace& pace, int decoding, int steps, bool has_prompt) {
  for (int i = 0; i < steps; ++i) {
    const int tokens = has_prompt ? pace.prompt_tokens(decoding) : 0;
    pace.record({decoding, tokens, cost_ms(decoding, tokens)});
  }
}

TEST(Pace, KeepsStepsBesideStreamsUnderTwiceTheirOwnTime) {
  Pace pace;
  run(pace, 4, 20, false);
  run(pace, 4, 50, true);
  const int tokens = pace.prompt_tokens(4);
  EXPECT_LE(cost_ms(4, tokens), 2 * cost_ms(4, 0));
  EXPECT_GE(tokens, 6) << "and uses most of what it may";
}

TEST(Pace, TakesLargeStepsWhenNobodyStreams) {
  Pace pace;
  run(pace, 0, 30, true);
  EXPECT_NEAR(pace.prompt_tokens(0), 125, 10);  // 250 ms
}

TEST(Pace, AlwaysLetsAPromptAdvance) {
  Pace pace;
  run(pace, 1, 10, false);
  for (int i = 0; i < 30; ++i) pace.record({1, 4, 5000});
  EXPECT_GE(pace.prompt_tokens(1), 1);
}

TEST(Pace, HonoursAFixedBudget) {
  Pace pace(100);
  run(pace, 4, 20, false);
  run(pace, 4, 50, true);
  EXPECT_NEAR(pace.prompt_tokens(4), 50, 5);
}

}  // namespace
}  // namespace llm
