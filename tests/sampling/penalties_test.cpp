#include "sampling/penalties.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <vector>

#include "sampling/dry.h"

namespace llm::sampling {
namespace {

std::map<TokenId, float> logits_of(Candidates& c) {
  std::map<TokenId, float> logits;
  c.make_list();
  for (const Candidate& item : c.items()) logits[item.token] = item.logit;
  return logits;
}

TEST(TokenCounts, AgreesWithAMapOverManyWindows) {
  std::mt19937 generator(1);
  TokenCounts counts;
  std::map<TokenId, int> expected;
  std::deque<TokenId> window;
  for (int step = 0; step < 20000; ++step) {
    const auto token = static_cast<TokenId>(generator() % 150 * 64);  // collides a lot
    counts.add(token);
    ++expected[token];
    window.push_back(token);
    if (window.size() > 50) {
      counts.remove(window.front());
      --expected[window.front()];
      window.pop_front();
    }
    const auto asked = static_cast<TokenId>(generator() % 150 * 64);
    ASSERT_EQ(counts.count(asked), expected[asked]) << "after " << step << " steps";
  }
}

TEST(Penalties, ChangeTheLogitsOfTokensInTheWindowOnly) {
  Penalties penalties({3, 1.5f, 0.25f, 0.5f});
  for (const TokenId token : {4, 4, 0, 1, 1}) penalties.observe(token);  // window: 0 1 1
  for (const bool as_list : {false, true}) {
    std::vector<float> logits = {3, -2, 1, 1, 1};
    const auto raw = logits;
    Candidates c;
    c.begin(logits);
    if (as_list) c.make_list();
    penalties.apply(c);
    const auto after = logits_of(c);
    EXPECT_FLOAT_EQ(after.at(0), 3 / 1.5f - 0.25f - 0.5f);
    EXPECT_FLOAT_EQ(after.at(1), -2 * 1.5f - 2 * 0.25f - 0.5f);
    EXPECT_FLOAT_EQ(after.at(2), 1);
    EXPECT_FLOAT_EQ(after.at(4), 1);
    c.restore();
    EXPECT_EQ(logits, raw);
  }
}

TEST(Penalties, IgnoreTokensOutsideTheVocabulary) {
  Penalties penalties({8, 2, 0, 0});
  for (const TokenId token : {-1, 99, 1}) penalties.observe(token);
  std::vector<float> logits = {1, 1};
  Candidates c;
  c.begin(logits);
  penalties.apply(c);
  EXPECT_FLOAT_EQ(logits_of(c).at(1), 0.5f);
}

/// DRY by the definition: compares suffixes position by position.
std::map<TokenId, int> longest_repeats(const std::vector<TokenId>& window, int usable, int allowed,
                                       const std::set<TokenId>& exempt) {
  std::map<TokenId, int> longest;
  const int n = static_cast<int>(window.size());
  for (int end = 0; end + 1 < n; ++end) {
    int length = 0;
    while (length <= end && window[end - length] == window[n - 1 - length]) ++length;
    length = std::min(length, usable);
    if (length >= allowed && !exempt.contains(window[end + 1]))
      longest[window[end + 1]] = std::max(longest[window[end + 1]], length);
  }
  return longest;
}

TEST(Dry, AgreesWithTheDefinitionOnRandomSequences) {
  std::mt19937 generator(7);
  for (int round = 0; round < 300; ++round) {
    const int alphabet = 2 + static_cast<int>(generator() % 4);
    const int allowed = static_cast<int>(generator() % 4);
    const int last_n = 5 + static_cast<int>(generator() % 60);
    const TokenId breaker = 5;
    Dry dry({0.8f, 1.75f, allowed, last_n, {{breaker}}});
    std::vector<TokenId> sequence(1 + generator() % 100);
    for (TokenId& token : sequence) {
      token = static_cast<TokenId>(generator() % alphabet);
      if (generator() % 20 == 0) token = breaker;
      dry.observe(token);
    }
    if (sequence.size() > static_cast<std::size_t>(last_n))
      sequence.erase(sequence.begin(), sequence.end() - last_n);
    int usable = static_cast<int>(sequence.size());
    for (int back = 0; back < usable; ++back)
      if (sequence[sequence.size() - 1 - back] == breaker) usable = back;

    std::vector<float> logits(8, 1.0f);
    auto expected = logits;
    if (static_cast<int>(sequence.size()) > allowed && usable >= allowed)
      for (const auto& [token, length] : longest_repeats(sequence, usable, allowed, {breaker}))
        expected[token] -= 0.8f * std::pow(1.75f, static_cast<float>(length - allowed));
    for (const bool as_list : {false, true}) {
      Candidates c;
      c.begin(logits);
      if (as_list) c.make_list();
      dry.apply(c);
      for (const auto& [token, logit] : logits_of(c))
        EXPECT_NEAR(logit, expected[token], 1e-4 * std::fabs(expected[token]) + 1e-5);
      c.restore();
    }
  }
}

TEST(Dry, PenalisesTheContinuationOfARepetitionExponentially) {
  Dry dry({1.0f, 2.0f, 2, 64, {}});
  for (const TokenId token : {1, 2, 3, 4, 1, 2, 3}) dry.observe(token);
  std::vector<float> logits(6, 0.0f);
  Candidates c;
  c.begin(logits);
  dry.apply(c);
  EXPECT_FLOAT_EQ(logits_of(c).at(4), -2);  // three repeated, two allowed: 1 * 2^1
  EXPECT_FLOAT_EQ(logits_of(c).at(1), 0);
}

TEST(Dry, BreakersOfSeveralTokensLimitTheMatch) {
  Dry dry({1.0f, 2.0f, 2, 64, {{8, 9}, {8, 9, 7}}});
  for (const TokenId token : {1, 2, 8, 9, 7, 3, 4, 5, 1, 2, 8, 9, 7, 3, 4}) dry.observe(token);
  std::vector<float> logits(10, 0.0f);
  Candidates c;
  c.begin(logits);
  dry.apply(c);
  // Only "3 4" behind the longest breaker counts.
  EXPECT_FLOAT_EQ(logits_of(c).at(5), -1);
}

TEST(Dry, CapsTheExponentSoThatThePenaltyStaysFinite) {
  Dry dry({1.0f, 2.0f, 1, 2000, {}});
  for (int i = 0; i < 1000; ++i) dry.observe(1);
  std::vector<float> logits(3, 0.0f);
  Candidates c;
  c.begin(logits);
  dry.apply(c);
  c.make_list();
  for (const Candidate& item : c.items()) EXPECT_TRUE(std::isfinite(item.logit));
}

}  // namespace
}  // namespace llm::sampling
