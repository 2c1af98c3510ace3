#include "grammar/grammar_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace llm::grammar {
namespace {

std::shared_ptr<const Grammar> literal(const std::string& text) {
  Expressions expressions;
  const Expr root = expressions.literal(text);
  return compile(expressions, root);
}

TEST(GrammarCache, MakesEachOnceAlsoFromManyThreads) {
  GrammarCache cache(8, 64 << 20);
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  std::vector<std::shared_ptr<const Grammar>> results(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      results[i] = cache.get("a", [&] {
        ++made;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return literal("a");
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

TEST(GrammarCache, DropsTheLongestUnused) {
  GrammarCache cache(2, 64 << 20);
  const auto get = [&](const std::string& key) {
    bool made = false;
    cache.get(key, [&] {
      made = true;
      return literal(key);
    });
    return made;
  };
  EXPECT_TRUE(get("a"));
  EXPECT_TRUE(get("b"));
  EXPECT_FALSE(get("a"));
  EXPECT_TRUE(get("c"));
  EXPECT_FALSE(get("a"));
  EXPECT_TRUE(get("b"));
  EXPECT_EQ(cache.size(), 2u);
}

TEST(GrammarCache, FailuresAreNotKept) {
  GrammarCache cache(2, 64 << 20);
  const auto failing = []() -> std::shared_ptr<const Grammar> { throw GrammarError("no"); };
  EXPECT_THROW(cache.get("a", failing), GrammarError);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_NE(cache.get("a", [] { return literal("a"); }), nullptr);
}

}  // namespace
}  // namespace llm::grammar
