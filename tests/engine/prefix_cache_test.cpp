#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/fake_model.h"

namespace llm {
namespace {

using compute::kPageTokens;

std::vector<TokenId> block(TokenId first, int count = kPageTokens) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

struct PrefixCacheTest : testing::Test {
  std::unique_ptr<compute::KvPool> pool = test::fake_pool(4);
  PageLedger ledger{4};
  PageStore store{*pool, 0};
  PrefixCache cache{ledger, store};

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
  EXPECT_EQ(found->node, other);
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

TEST_F(PrefixCacheTest, KeepsMovedPagesApart) {
  PrefixCache::Node* exact = add(cache.root(), block(100));
  const auto page = *ledger.take();
  PrefixCache::Node* moved = cache.insert(cache.root(), block(100), page, nullptr, true);
  ledger.release(page);
  EXPECT_NE(moved, exact);
  EXPECT_EQ(cache.find_full(cache.root(), block(100), nullptr, true), exact) << "preferred";
  const auto other = *ledger.take();
  PrefixCache::Node* only_moved = cache.insert(cache.root(), block(200), other, nullptr, true);
  ledger.release(other);
  EXPECT_EQ(cache.find_full(cache.root(), block(200)), nullptr);
  EXPECT_EQ(cache.find_full(cache.root(), block(200), nullptr, true), only_moved);
  EXPECT_FALSE(cache.find_partial(cache.root(), block(200, 7)));
  EXPECT_TRUE(cache.find_partial(cache.root(), block(200, 7), nullptr, true));
}

TEST_F(PrefixCacheTest, ForgetsAPathButWhatOthersShare) {
  PrefixCache::Node* shared = add(cache.root(), block(100));
  add(shared, block(200));
  add(shared, block(300));
  auto path = block(100);
  const auto rest = block(200);
  path.insert(path.end(), rest.begin(), rest.end());
  cache.forget(path, 0);
  EXPECT_EQ(cache.find_full(shared, block(200)), nullptr);
  EXPECT_EQ(cache.find_full(cache.root(), block(100)), shared) << "the other one begins with it";
  EXPECT_EQ(ledger.free_count(), 2);
}

/// A pool of four pages and memory for three more.
struct PageStoreTest : testing::Test {
  std::unique_ptr<test::FakePool> pool = test::fake_pool(4);
  PageLedger ledger{4};
  PageStore store{*pool, 3 * pool->layout().page_bytes()};
  PrefixCache cache{ledger, store};

  /// A page that only the cache keeps, with its own tokens as content.
  PrefixCache::Node* add(PrefixCache::Node* at, TokenId first) {
    if (ledger.free_count() == 0) cache.evict_one();
    const auto page = *ledger.take();
    pool->at(page) = block(first);
    PrefixCache::Node* node = cache.insert(at, block(first), page);
    ledger.release(page);
    return node;
  }
  bool has(PrefixCache::Node* at, TokenId first) {
    PrefixCache::Node* node = cache.find_full(at, block(first));
    return node != nullptr && pool->at(PrefixCache::page_of(*node)) == block(first);
  }
};

TEST_F(PageStoreTest, PagesComeBackWithTheirContent) {
  for (TokenId first = 100; first < 800; first += 100) add(cache.root(), first);
  EXPECT_EQ(cache.node_count(), 7);
  EXPECT_EQ(store.count(), 3);
  for (TokenId first = 100; first < 800; first += 100)
    EXPECT_TRUE(has(cache.root(), first)) << first;
  EXPECT_EQ(store.count(), 3);
  EXPECT_EQ(cache.evictable_count(), 4);
}

TEST_F(PageStoreTest, TheLeastRecentlyUsedIsDroppedWhenBothAreFull) {
  for (TokenId first = 100; first < 900; first += 100) add(cache.root(), first);
  EXPECT_FALSE(has(cache.root(), 100));
  EXPECT_TRUE(has(cache.root(), 200));
  EXPECT_EQ(cache.node_count(), 7);
}

TEST_F(PageStoreTest, APathLeavesFromItsEndAndComesBackFromItsBeginning) {
  PrefixCache::Node* first = add(cache.root(), 100);
  PrefixCache::Node* second = add(first, 200);
  add(second, 300);
  for (TokenId other = 500; other < 800; other += 100) add(cache.root(), other);
  EXPECT_EQ(store.count(), 2);
  EXPECT_TRUE(has(cache.root(), 100));
  // The caller holds what it has found while it looks for more.
  ledger.add_reference(PrefixCache::page_of(*first));
  ASSERT_TRUE(has(first, 200));
  ledger.add_reference(PrefixCache::page_of(*second));
  EXPECT_TRUE(has(second, 300));
}

TEST_F(PageStoreTest, APageThatIsComputedAgainReplacesItsCopyAndKeepsWhatIsBehindIt) {
  PrefixCache::Node* first = add(cache.root(), 100);
  add(first, 200);
  for (TokenId other = 500; other < 900; other += 100) add(cache.root(), other);
  EXPECT_EQ(store.count(), 2);
  EXPECT_EQ(add(cache.root(), 100), first);
  ledger.add_reference(PrefixCache::page_of(*first));
  EXPECT_TRUE(has(first, 200));
}

TEST_F(PageStoreTest, APageThatLeavesMayPushOutWhatIsBehindIt) {
  PrefixCache::Node* first = add(cache.root(), 100);
  for (TokenId child = 200; child < 500; child += 100) add(first, child);
  // The children fill the store, so that their parent finds room by dropping one of them.
  for (TokenId other = 500; other < 900; other += 100) add(cache.root(), other);
  EXPECT_EQ(store.count(), 3);
  add(cache.root(), 900);
  for (TokenId other = 600; other < 1000; other += 100) EXPECT_TRUE(has(cache.root(), other));
}

TEST_F(PageStoreTest, IsOffWithoutMemory) {
  PageStore none{*pool, pool->layout().page_bytes() - 1};
  EXPECT_FALSE(none.can_keep());
}

}  // namespace
}  // namespace llm
