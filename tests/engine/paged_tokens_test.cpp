#include "engine/paged_tokens.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/byte_tokenizer.h"
#include "engine/fake_model.h"

namespace llm {
namespace {

using compute::kPageTokens;

std::vector<TokenId> count_from(TokenId first, int count) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

struct PagedTokensTest : testing::Test {
  test::FakeModel model{test::kVocab, 4096};
  PagedCache cache{test::fake_pool(5), -1, [this](std::span<const compute::KvMove> moves) {
                     model.move(moves, *cache.pool);
                   }};

  /// Computes the next `count` tokens as the fake model does: its keys are the tokens.
  void compute(PagedTokens& tokens, int count) {
    ASSERT_TRUE(tokens.reserve(count));
    for (int i = tokens.computed(); i < tokens.computed() + count; ++i) {
      page(tokens, i)[i % kPageTokens] = tokens.tokens()[i];
    }
    tokens.commit(count);
  }
  std::vector<TokenId>& page(const PagedTokens& tokens, int position) {
    return static_cast<test::FakePool&>(*cache.pool).at(tokens.pages()[position / kPageTokens]);
  }
};

// Of five pages four are the sequence's own; the fifth hangs on its second one and is nobody's. It
// has to go from the tree before the first two can be written to.
TEST_F(PagedTokensTest, AShiftDropsWhatHangsOnItsPagesWhenNoneAreLeft) {
  PagedTokens tokens(cache, count_from(0, 4 * kPageTokens + 1), Reuse::exact);
  compute(tokens, 4 * kPageTokens);
  {
    std::vector<TokenId> other = count_from(0, 2 * kPageTokens);
    for (const TokenId token : count_from(500, kPageTokens + 1)) other.push_back(token);
    PagedTokens branch(cache, other, Reuse::exact);
    EXPECT_EQ(branch.adopt(), 2 * kPageTokens);
    compute(branch, kPageTokens);
  }
  EXPECT_EQ(cache.ledger.free_count(), 0);
  ASSERT_TRUE(tokens.shift(0, kPageTokens, {}));
  EXPECT_EQ(tokens.computed(), 3 * kPageTokens);
  for (int i = 0; i < tokens.computed(); ++i) {
    ASSERT_EQ(page(tokens, i)[i % kPageTokens], kPageTokens + i);
  }
}

TEST_F(PagedTokensTest, AShiftLeavesWhatOthersUse) {
  PagedTokens tokens(cache, count_from(0, 2 * kPageTokens + 1), Reuse::exact);
  compute(tokens, 2 * kPageTokens);
  PagedTokens other(cache, count_from(0, 2 * kPageTokens + 1), Reuse::exact);
  EXPECT_EQ(other.adopt(), 2 * kPageTokens);
  ASSERT_TRUE(tokens.shift(3, 10, {}));
  for (int i = 0; i < 2 * kPageTokens; ++i) ASSERT_EQ(page(other, i)[i % kPageTokens], i);
  for (int i = 0; i < tokens.computed(); ++i) {
    ASSERT_EQ(page(tokens, i)[i % kPageTokens], i < 3 ? i : i + 10);
  }
}

TEST_F(PagedTokensTest, AShiftWithoutPagesChangesNothing) {
  PagedTokens tokens(cache, count_from(0, 4 * kPageTokens + 1), Reuse::exact);
  compute(tokens, 4 * kPageTokens);
  PagedTokens other(cache, count_from(0, 4 * kPageTokens + 1), Reuse::exact);
  EXPECT_EQ(other.adopt(), 4 * kPageTokens);
  EXPECT_FALSE(tokens.shift(0, 1, {}));
  EXPECT_EQ(tokens.computed(), 4 * kPageTokens);
  for (int i = 0; i < tokens.computed(); ++i) ASSERT_EQ(page(tokens, i)[i % kPageTokens], i);
}

}  // namespace
}  // namespace llm
