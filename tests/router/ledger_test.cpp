#include "router/ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace llm::router {
namespace {

using Kind = Decision::Kind;

Running idle(const char* name, std::uint64_t used, std::uint64_t bytes = 10) {
  return {.name = name, .bytes = bytes, .last_used = used, .is_idle = true};
}
Running busy(const char* name, std::uint64_t used, std::uint64_t bytes = 10) {
  auto one = idle(name, used, bytes);
  one.is_idle = false;
  return one;
}
Running pinned(const char* name, std::uint64_t used, std::uint64_t bytes = 10) {
  auto one = idle(name, used, bytes);
  one.is_pinned = true;
  return one;
}
Running ending(const char* name, std::uint64_t used, std::uint64_t bytes = 10) {
  auto one = busy(name, used, bytes);
  one.is_ending = true;
  return one;
}

Decision decide(const std::vector<Running>& running, std::uint64_t wanted, Limits limits) {
  return make_room(running, wanted, limits);
}

TEST(Ledger, StartsWhereThereIsRoom) {
  EXPECT_EQ(decide({}, 10, {}).kind, Kind::start);
  EXPECT_EQ(decide({busy("a", 1)}, 10, {.models = 2}).kind, Kind::start);
  EXPECT_EQ(decide({busy("a", 1)}, 10, {.bytes = 20}).kind, Kind::start);
}

TEST(Ledger, TheIdleModelUsedLeastRecentlyMakesRoom) {
  const auto decision = decide({idle("a", 3), idle("b", 1), idle("c", 2)}, 10, {.models = 3});
  EXPECT_EQ(decision.kind, Kind::unload);
  EXPECT_EQ(decision.victim, "b");
}

TEST(Ledger, ABusyModelIsNeverUnloadedHoweverOld) {
  EXPECT_EQ(decide({busy("a", 1), idle("b", 2)}, 10, {.models = 2}).victim, "b");
  EXPECT_EQ(decide({busy("a", 1), busy("b", 2)}, 10, {.models = 2}).kind, Kind::wait);
}

TEST(Ledger, APinnedModelIsNeverUnloaded) {
  EXPECT_EQ(decide({pinned("a", 1), idle("b", 2)}, 10, {.models = 2}).victim, "b");
  EXPECT_EQ(decide({pinned("a", 1), pinned("b", 2)}, 10, {.models = 2}).kind, Kind::never);
  EXPECT_EQ(decide({pinned("a", 1), pinned("b", 2)}, 10, {.models = 2}).bytes_left, std::nullopt);
}

TEST(Ledger, WaitsForOneThatEndsInsteadOfUnloadingAnother) {
  EXPECT_EQ(decide({ending("a", 1), idle("b", 2)}, 10, {.models = 2}).kind, Kind::wait);
}

TEST(Ledger, MemoryIsCountedLikePlaces) {
  const Limits limits{.models = 8, .bytes = 100};
  EXPECT_EQ(decide({busy("a", 1, 50)}, 50, limits).kind, Kind::start);
  EXPECT_EQ(decide({busy("a", 1, 50)}, 51, limits).kind, Kind::wait);
  EXPECT_EQ(decide({idle("a", 1, 50)}, 51, limits).victim, "a");
  EXPECT_EQ(decide({}, 101, limits).kind, Kind::never);
  EXPECT_EQ(decide({}, 101, limits).bytes_left, 100u);
  EXPECT_EQ(decide({pinned("a", 1, 60)}, 41, limits).kind, Kind::never);
  EXPECT_EQ(decide({pinned("a", 1, 60)}, 41, limits).bytes_left, 40u);
}

TEST(Ledger, OneDecisionUnloadsOneModelUntilItFits) {
  const Limits limits{.bytes = 100};
  std::vector<Running> running = {idle("a", 1, 30), idle("b", 2, 30), idle("c", 3, 30)};
  const auto first = decide(running, 70, limits);
  EXPECT_EQ(first.victim, "a");
  running[0] = ending("a", 1, 30);
  EXPECT_EQ(decide(running, 70, limits).victim, "b");
  running[1] = ending("b", 2, 30);
  EXPECT_EQ(decide(running, 70, limits).kind, Kind::wait);
}

TEST(Ledger, KnowsTheMachine) {
  EXPECT_GT(machine_memory(), 64u << 20);
  EXPECT_GT(resident_bytes(::getpid()), 1u << 20);
  EXPECT_EQ(resident_bytes(0), 0u);
}

}  // namespace
}  // namespace llm::router
