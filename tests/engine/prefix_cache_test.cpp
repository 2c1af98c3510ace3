#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <numeric>

namespace llm {
namespace {

using compute::kPageTokens;

std::vector<TokenId> block(TokenId first, int count = kPageTokens) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

struct PrefixCacheTest : testing::Test {
  PageLedger ledger{4};
  PrefixCache cache{ledger};

  /// A page that only the cache keeps.
  PrefixCache::Node* add(PrefixCache::Node* at, const std::vector<TokenId>& tokens) {
    const auto page = *ledger.take();
    PrefixCache::Node* node = cache.insert(at, tokens, page);
    ledger.release(page);
    return node;
  }
};

TEST_F(PrefixCacheTest, FindsAFullPageByItsTokens) {
  PrefixCache::Node* node = add(cache.root(), block(100));
  EXPECT_EQ(cache.find_full(cache.root(), block(100)), node);
  EXPECT_EQ(cache.find_full(cache.root(), block(101)), nullptr);
  EXPECT_EQ(cache.find_full(node, block(100)), nullptr);
}

TEST_F(PrefixCacheTest, FindsTheLongestPartialBeginning) {
  add(cache.root(), block(100));
  PrefixCache::Node* other = add(cache.root(), {100, 101, 102, 7});
  const auto found = cache.find_partial(cache.root(), std::vector<TokenId>{100, 101, 102, 7, 8});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->page, PrefixCache::page_of(*other));
  EXPECT_EQ(found->tokens, 4);
  EXPECT_FALSE(cache.find_partial(cache.root(), std::vector<TokenId>{5, 100}));
}

TEST_F(PrefixCacheTest, SharesPagesOfTheSameContextOnly) {
  const auto context = [](std::uint64_t value) {
    return std::make_shared<const std::vector<std::uint64_t>>(1, value);
  };
  const auto page = *ledger.take();
  PrefixCache::Node* node = cache.insert(cache.root(), block(100), page, context(1));
  EXPECT_EQ(cache.find_full(cache.root(), block(100), context(1)), node);
  EXPECT_EQ(cache.find_full(cache.root(), block(100)), nullptr);
  EXPECT_EQ(cache.find_full(cache.root(), block(100), context(2)), nullptr);
  EXPECT_FALSE(cache.find_partial(cache.root(), block(100, 5)));
  EXPECT_FALSE(cache.find_partial(cache.root(), block(100, 5), context(2)));
  EXPECT_TRUE(cache.find_partial(cache.root(), block(100, 5), context(1)));
  const auto other = *ledger.take();
  EXPECT_NE(cache.insert(cache.root(), block(100), other), node);
  EXPECT_EQ(cache.node_count(), 2);
}

TEST_F(PrefixCacheTest, KeepsOneCopyOfEqualPages) {
  PrefixCache::Node* node = add(cache.root(), block(100));
  const auto page = *ledger.take();
  EXPECT_EQ(cache.insert(cache.root(), block(100), page), node);
  EXPECT_EQ(ledger.references(page), 1);  // the caller's own
  EXPECT_EQ(cache.insert(cache.root(), block(100, 5), page), node) << "covered by the full page";
}

TEST_F(PrefixCacheTest, ReplacesALeafByOneThatContinuesIt) {
  add(cache.root(), block(100, 5));
  add(cache.root(), block(100, 9));
  EXPECT_EQ(cache.node_count(), 1);
  EXPECT_EQ(ledger.free_count(), 3);
}

TEST_F(PrefixCacheTest, EvictsTheLeastRecentlyUsedLeafFirst) {
  PrefixCache::Node* parent = add(cache.root(), block(100));
  add(parent, block(200));
  PrefixCache::Node* other = add(cache.root(), block(300));
  EXPECT_TRUE(cache.find_full(parent, block(200)));  // used last: its parent counts as used, too
  EXPECT_TRUE(cache.evict_one());
  EXPECT_EQ(cache.find_full(cache.root(), block(300)), nullptr);
  (void)other;
  EXPECT_TRUE(cache.find_full(cache.root(), block(100)));
  EXPECT_TRUE(cache.evict_one());
  EXPECT_TRUE(cache.evict_one()) << "a parent becomes a leaf when its children are gone";
  EXPECT_FALSE(cache.evict_one());
  EXPECT_EQ(ledger.free_count(), 4);
}

TEST_F(PrefixCacheTest, NeverEvictsAPageInUse) {
  const auto page = *ledger.take();
  cache.insert(cache.root(), block(100), page);
  EXPECT_EQ(cache.evictable_count(), 0);
  EXPECT_FALSE(cache.evict_one());
  ledger.release(page);
  EXPECT_EQ(cache.evictable_count(), 1);
  EXPECT_TRUE(cache.evict_one());
}

}  // namespace
}  // namespace llm
