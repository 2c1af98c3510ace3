#include "engine/page_ledger.h"

#include <gtest/gtest.h>

namespace llm {
namespace {

TEST(PageLedger, GivesEachPageOnceUntilReleased) {
  PageLedger ledger(2);
  const auto first = ledger.take();
  const auto second = ledger.take();
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_FALSE(ledger.take());
  ledger.release(*first);
  EXPECT_EQ(ledger.take(), first);
}

TEST(PageLedger, KeepsAPageUntilItsLastReferenceIsGone) {
  PageLedger ledger(1);
  const auto page = *ledger.take();
  ledger.add_reference(page);
  ledger.release(page);
  EXPECT_EQ(ledger.free_count(), 0);
  EXPECT_EQ(ledger.references(page), 1);
  ledger.release(page);
  EXPECT_EQ(ledger.free_count(), 1);
}

}  // namespace
}  // namespace llm
