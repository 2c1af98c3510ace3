#include "engine/plan.h"

#include <gtest/gtest.h>

#include <map>

namespace llm {
namespace {

std::map<int, int> counts(const std::vector<Work>& plan) {
  std::map<int, int> result;
  for (const Work& work : plan) result[work.index] += work.count;
  return result;
}

TEST(PlanStep, GivesEveryStreamItsTokenBeforeAnyPrompt) {
  const SequenceView views[] = {{.index = 0, .pending = 1000, .is_decoding = false},
                                {.index = 1, .pending = 1, .is_decoding = true},
                                {.index = 2, .pending = 1, .is_decoding = true}};
  const auto plan = counts(plan_step(views, {.tokens = 10, .prompt_tokens = 100}));
  EXPECT_EQ(plan.at(1), 1);
  EXPECT_EQ(plan.at(2), 1);
  EXPECT_EQ(plan.at(0), 8);
}

TEST(PlanStep, GivesAStreamAllTokensThatItHadNoChoiceAbout) {
  const SequenceView views[] = {{.index = 0, .pending = 9, .is_decoding = true},
                                {.index = 1, .pending = 1, .is_decoding = true}};
  const auto plan = counts(plan_step(views, {.tokens = 10, .prompt_tokens = 0}));
  EXPECT_EQ(plan.at(0), 9);
  EXPECT_EQ(plan.at(1), 1);
}

TEST(PlanStep, BoundsPromptsByTheirOwnBudget) {
  const SequenceView views[] = {{.index = 0, .pending = 1000, .is_decoding = false}};
  EXPECT_EQ(counts(plan_step(views, {.tokens = 512, .prompt_tokens = 20})).at(0), 20);
}

TEST(PlanStep, ReadsTheShortestPromptFirst) {
  const SequenceView views[] = {{.index = 0, .pending = 1000, .is_decoding = false},
                                {.index = 1, .pending = 8, .is_decoding = false}};
  const auto plan = counts(plan_step(views, {.tokens = 16, .prompt_tokens = 16}));
  EXPECT_EQ(plan.at(1), 8);
  EXPECT_EQ(plan.at(0), 8);
}

TEST(PlanStep, LetsALongPromptPassAfterItHasWaited) {
  const SequenceView views[] = {
      {.index = 0, .pending = 1000, .is_decoding = false, .waited_ms = 5000},
      {.index = 1, .pending = 8, .is_decoding = false}};
  EXPECT_EQ(counts(plan_step(views, {.tokens = 16, .prompt_tokens = 16})).count(1), 0u);
}

TEST(PlanStep, ComputesASharedPageOnce) {
  const SequenceView views[] = {{.index = 0, .pending = 100, .is_decoding = false, .page_key = 77},
                                {.index = 1, .pending = 100, .is_decoding = false, .page_key = 77},
                                {.index = 2, .pending = 100, .is_decoding = false, .page_key = 78}};
  const auto plan = counts(plan_step(views, {.tokens = 512, .prompt_tokens = 512}));
  EXPECT_EQ(plan, (std::map<int, int>{{0, 100}, {2, 100}}));
}

TEST(PlanStep, NeverExceedsTheTokensOfAStep) {
  std::vector<SequenceView> views;
  for (int i = 0; i < 40; ++i) views.push_back({.index = i, .pending = 1, .is_decoding = true});
  EXPECT_EQ(plan_step(views, {.tokens = 32, .prompt_tokens = 32}).size(), 32u);
}

}  // namespace
}  // namespace llm
