#include "http/keys.h"

#include <gtest/gtest.h>

#include "http/test_server.h"

namespace llm::http {
namespace {

using std::chrono::seconds;

TEST(Keys, AreReadAsTheReferenceReadsThem) {
  EXPECT_FALSE(KeyTable({}).needs_key());
  const KeyTable keys({.keys = {"alpha", "beta"}, .limits = {}});
  ASSERT_TRUE(keys.needs_key());
  EXPECT_TRUE(keys.find("Bearer alpha", ""));
  EXPECT_TRUE(keys.find("beta", ""));
  EXPECT_TRUE(keys.find("", "beta"));
  EXPECT_FALSE(keys.find("", ""));
  EXPECT_FALSE(keys.find("Bearer alph", ""));
  EXPECT_FALSE(keys.find("Bearer alphaa", ""));
  EXPECT_FALSE(keys.find("bearer alpha", ""));
  EXPECT_FALSE(keys.find("Basic alpha", ""));
  EXPECT_FALSE(keys.find("Bearer  alpha", ""));
  EXPECT_FALSE(keys.find("Bearer wrong", "alpha"));
}

TEST(KeyBudgets, RequestsPerMinuteGrowBackSteadily) {
  KeyBudget budget;
  const auto start = KeyBudget::Clock::now();
  budget.set_limit({.key = "k", .requests_per_minute = 2}, start);
  EXPECT_FALSE(budget.begin(start));
  EXPECT_FALSE(budget.begin(start));
  const auto refusal = budget.begin(start);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->retry_after_s, 30);
  EXPECT_NE(refusal->message.find("2 requests per minute"), std::string::npos);
  EXPECT_TRUE(budget.begin(start + seconds(29)));
  EXPECT_FALSE(budget.begin(start + seconds(31)));
  EXPECT_TRUE(budget.begin(start + seconds(31)));
}

TEST(KeyBudgets, TokensMayBeOverdrawnOnce) {
  KeyBudget budget;
  const auto start = KeyBudget::Clock::now();
  budget.set_limit({.key = "k", .tokens_per_minute = 60}, start);
  EXPECT_FALSE(budget.begin(start));
  budget.spend_tokens(90, start);
  const auto refusal = budget.begin(start);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->retry_after_s, 31);
  EXPECT_FALSE(budget.begin(start + seconds(31)));
}

TEST(KeyBudgets, ANewLimitCountsWhatWasUsed) {
  KeyBudget budget;
  const auto start = KeyBudget::Clock::now();
  budget.set_limit({.key = "k", .requests_per_minute = 2}, start);
  budget.begin(start);
  budget.begin(start);
  budget.set_limit({.key = "k", .requests_per_minute = 3}, start);
  EXPECT_FALSE(budget.begin(start));
  EXPECT_TRUE(budget.begin(start));
  budget.set_limit({.key = "k"}, start);
  EXPECT_FALSE(budget.begin(start));
}

TEST(KeyBudgets, RequestsAtOnce) {
  const KeyTable keys({.keys = {"a", "b"}, .limits = {{.key = "*", .concurrent_requests = 1}}});
  const auto now = KeyBudget::Clock::now();
  const auto a = keys.find("a", ""), b = keys.find("b", "");
  EXPECT_FALSE(a->begin(now));
  EXPECT_TRUE(a->begin(now));
  EXPECT_FALSE(b->begin(now));  // each key for itself
  a->end();
  EXPECT_FALSE(a->begin(now));
}

TEST(Keys, LimitsAreFoundByKeyByHashAndForAllOthers) {
  const KeyTable keys({.keys = {"a", "b", "c"},
                       .limits = {{.key = "*", .requests_per_minute = 1},
                                  {.key = "a", .requests_per_minute = 2},
                                  {.key = "sha256:" + to_hex(sha256("b"))}}});
  const auto now = KeyBudget::Clock::now();
  const auto allowed = [&](const char* key) {
    int count = 0;
    while (count < 5 && !keys.find(key, "")->begin(now)) ++count;
    return count;
  };
  EXPECT_EQ(allowed("a"), 2);
  EXPECT_EQ(allowed("b"), 5);
  EXPECT_EQ(allowed("c"), 1);
}

TEST(Keys, ThoseThatStayKeepWhatTheyHaveUsed) {
  KeyTable keys({.keys = {"a", "b"}, .limits = {{.key = "*", .requests_per_minute = 1}}});
  const auto now = KeyBudget::Clock::now();
  EXPECT_FALSE(keys.find("a", "")->begin(now));
  keys.set({.keys = {"a", "c"}, .limits = {{.key = "*", .requests_per_minute = 1}}});
  EXPECT_TRUE(keys.find("a", "")->begin(now));
  EXPECT_FALSE(keys.find("b", ""));
  EXPECT_FALSE(keys.find("c", "")->begin(now));
}

const char* const kBearer = "Authorization: Bearer ";

TEST(HttpKeys, BeyondItsLimitAKeyGets429AndTheOthersDoNotNotice) {
  TestServer server([](ServerSettings& settings) {
    settings.keys = {.keys = {"small", "large"},
                     .limits = {{.key = "small", .requests_per_minute = 1}}};
  });
  const auto ask = [&](const std::string& key) {
    return server.ask("GET", "/echo", "", kBearer + key + "\r\n");
  };
  EXPECT_EQ(ask("small").status, 200);
  const auto refused = ask("small");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused["retry-after"], "60");
  EXPECT_EQ(refused.body,
            R"({"error":{"code":429,"message":"Rate limit of this API key: at most 1 requests per )"
            R"(minute","type":"rate_limit_error"}})");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("large").status, 200);
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  server->set_keys({.keys = {"small"}, .limits = {}});
  EXPECT_EQ(ask("small").status, 200);
  EXPECT_EQ(ask("large").status, 401);
}

TEST(HttpKeys, ARequestThatRunsHoldsItsPlaceUntilItEnds) {
  TestServer server([](ServerSettings& settings) {
    settings.keys = {.keys = {"k"}, .limits = {{.key = "k", .concurrent_requests = 1}}};
  });
  const std::string header = std::string(kBearer) + "k\r\n";
  {
    Client first(server.port());
    first.request("GET", "/endless", "", header);
    EXPECT_FALSE(first.read_until("\r\n\r\n").empty());
    EXPECT_EQ(server.ask("GET", "/echo", "", header).status, 429);
  }
  EXPECT_TRUE(eventually([&] { return server.ask("GET", "/echo", "", header).status == 200; }));
}

}  // namespace
}  // namespace llm::http
