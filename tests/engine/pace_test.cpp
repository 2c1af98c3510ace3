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

TEST(Pace, FollowsStreamsWhoseStepsGrowMeanwhile) {
  Pace pace;
  run(pace, 4, 20, false);
  // From 20 to 100 ms for the streams while a prompt is read.
  double own_ms = 20, taken = 0;
  int shared = 0;
  for (int step = 0; step < 4000; ++step) {
    own_ms += 0.02;
    const int tokens = pace.take_step_alone() ? 0 : pace.prompt_tokens(4);
    const double ms = own_ms + 2.0 * tokens;
    pace.record({4, tokens, ms});
    if (step == 0) continue;  // what the first piece costs is not known
    EXPECT_LE(ms, 2 * own_ms);
    if (step < 3000 || tokens == 0) continue;
    taken += tokens * 2.0 / own_ms;
    ++shared;
  }
  EXPECT_GT(taken / shared, 0.7) << "of the streams' own time goes to the prompt";
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
