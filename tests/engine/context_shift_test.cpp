#include "engine/engine_fixture.h"

namespace llm {
namespace {

using test::Collector;
using test::EngineTest;
using test::Forcing;

TEST_F(EngineTest, ShiftsTheContextWhenAsked) {
  settings = {.slots = 1, .context = 256, .context_shift = true};
  start();
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(250, 1), 20);
  r.keep_tokens = 10;
  engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens.size(), 20u);
  EXPECT_TRUE(sink->ended->truncated);
  // Ten are kept, half of the other 245 that were computed go, and the model sees the rest as if it
  // had been the prompt.
  auto history = prompt(250, 1);
  const auto before = expected(history, 6);
  history.insert(history.end(), before.begin(), before.end());
  history.erase(history.begin() + 10, history.begin() + 10 + 122);
  EXPECT_EQ(std::vector<TokenId>(sink->tokens.begin() + 6, sink->tokens.end()),
            expected(history, 14));
  EXPECT_EQ(model.moved(), 123u) << "all but the last token, which was not computed then";
  EXPECT_EQ(model.computed(), 250u + 19);
}

TEST_F(EngineTest, ShiftsTheContextByComputingWhereKeysAreFixed) {
  settings = {.slots = 1, .context = 256, .context_shift = true};
  model.fix_keys();
  start();
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(250, 1), 20);
  r.keep_tokens = 10;
  engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens, shifted(prompt(250, 1), 20, 10, 0));
  EXPECT_EQ(model.moved(), 0u);
}

TEST_F(EngineTest, ShiftsAgainAndAgain) {
  settings = {.slots = 1, .context = 256, .context_shift = true};
  start();
  for (const int discard : {0, 1, 10, 32, 500}) {
    SCOPED_TRACE(discard);
    const auto sink = std::make_shared<Collector>();
    auto r = request(prompt(100, 1), 700);
    r.keep_tokens = 37;
    r.discard_tokens = discard;
    engine->submit(std::move(r), sink);
    ASSERT_TRUE(sink->wait());
    ASSERT_TRUE(sink->ended) << sink->failed->message;
    EXPECT_EQ(sink->tokens, shifted(prompt(100, 1), 700, 37, discard));
  }
}

TEST_F(EngineTest, ShiftsWhatIsForcedToo) {
  settings = {.slots = 1, .context = 256, .context_shift = true};
  start();
  const auto text = shifted(prompt(240, 1), 100, 0, 30);
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(240, 1), 100);
  r.discard_tokens = 30;
  r.filter = std::make_unique<Forcing>(text, 6);
  engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens, text);
}

// Four shifting sequences in a cache for one and a half: they take each other's pages away. What
// moved cannot be computed again as it was, so it has to be kept.
TEST_F(EngineTest, ShiftedTextsDoNotDependOnPagesBeingTakenAway) {
  settings = {.slots = 4, .context = 384, .micro_batch = 64, .context_shift = true};
  start();
  model.moves_leave_a_mark = true;
  const auto alone = std::make_shared<Collector>();
  engine->submit(request(prompt(60, 0), 600), alone);
  ASSERT_TRUE(alone->wait());
  std::vector<std::shared_ptr<Collector>> sinks;
  for (int i = 0; i < 4; ++i) {
    sinks.push_back(std::make_shared<Collector>());
    engine->submit(request(prompt(60, i), 600), sinks.back());
  }
  for (const auto& sink : sinks) {
    ASSERT_TRUE(sink->wait());
    ASSERT_TRUE(sink->ended) << sink->failed->message;
  }
  EXPECT_EQ(sinks[0]->tokens, alone->tokens);
  EXPECT_NE(sinks[0]->tokens, shifted(prompt(60, 0), 600, 0, 0)) << "the mark is seen";
}

TEST_F(EngineTest, MovedPagesAreNotFoundByOthers) {
  settings = {.slots = 1, .context = 256, .context_shift = true};
  start();
  model.moves_leave_a_mark = true;
  const auto sink = std::make_shared<Collector>();
  engine->submit(request(prompt(250, 1), 20), sink);
  ASSERT_TRUE(sink->wait());
  // What the slot holds now, as a prompt of its own.
  auto history = prompt(250, 1);
  history.insert(history.end(), sink->tokens.begin(), sink->tokens.begin() + 6);
  history.erase(history.begin(), history.begin() + 127);
  const auto again = std::make_shared<Collector>();
  engine->submit(request(history, 10), again);
  ASSERT_TRUE(again->wait());
  EXPECT_EQ(again->tokens, expected(history, 10));
  EXPECT_LT(again->ended->timings.cached_tokens, 5);
}

}  // namespace
}  // namespace llm
