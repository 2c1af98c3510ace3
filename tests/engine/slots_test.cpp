#include "engine/slots.h"

#include <gtest/gtest.h>

namespace llm {
namespace {

const std::vector<TokenId> kPrompt{1, 2, 3, 4};

TEST(SlotTable, StartsWithTheLastSlot) {
  SlotTable slots(3, 0.1);
  EXPECT_EQ(slots.take(kPrompt, -1), 2);
  EXPECT_EQ(slots.take(kPrompt, -1), 1);
  EXPECT_EQ(slots.take(kPrompt, -1), 0);
  EXPECT_EQ(slots.take(kPrompt, -1), std::nullopt);
}

TEST(SlotTable, PrefersTheSlotWhoseTokensThePromptContinues) {
  SlotTable slots(3, 0.1);
  slots.give_back(*slots.take(kPrompt, 0), {1, 2, 3});
  slots.give_back(*slots.take(kPrompt, 1), {9, 9, 9});
  EXPECT_EQ(slots.take(kPrompt, -1), 0);
}

TEST(SlotTable, IgnoresSimilarityWhenItIsSwitchedOff) {
  SlotTable slots(2, 0);
  slots.give_back(*slots.take(kPrompt, 1), {1, 2, 3, 4});
  EXPECT_EQ(slots.take(kPrompt, -1), 0) << "never used is least recently used";
}

TEST(SlotTable, TakesAWishModuloTheNumberOfSlots) {
  SlotTable slots(2, 0.1);
  EXPECT_EQ(slots.take(kPrompt, 5), 1);
  EXPECT_EQ(slots.take(kPrompt, 1), std::nullopt) << "busy: the request waits for it";
}

}  // namespace
}  // namespace llm
