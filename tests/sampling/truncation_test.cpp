#include "sampling/truncation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <vector>

#include "sampling/plain.h"

namespace llm::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::set<TokenId> kept(Candidates& c) {
  std::set<TokenId> tokens;
  c.make_list();
  for (const Candidate& item : c.items()) tokens.insert(item.token);
  return tokens;
}

/// In long flat lists rounding may move the boundary by a token.
void expect_same(const std::set<TokenId>& seen, const std::set<TokenId>& expected, const char* what,
                 std::size_t n) {
  std::vector<TokenId> difference;
  std::set_symmetric_difference(seen.begin(), seen.end(), expected.begin(), expected.end(),
                                std::back_inserter(difference));
  EXPECT_LE(difference.size(), n > 2000 && expected.size() > 1000 ? 1u : 0u)
      << what << " of " << n << ": kept " << seen.size() << ", expected " << expected.size();
}

/// Runs a sampler on the whole vocabulary and on a list, and compares both with the plain one.
template <class Fast, class Plain>
void compare(Fast fast, Plain plain, const char* what) {
  int seed = 0;
  for (const std::size_t n : {1u, 2u, 3u, 17u, 255u, 256u, 257u, 1000u, 5000u, 33000u}) {
    for (const float width : {0.1f, 2.0f, 20.0f}) {
      auto logits = plain::random_logits(n, ++seed, width);
      if (n > 2) logits[n / 2] = -kInfinity;
      const auto expected = plain::tokens_of(plain(plain::list_of(logits)));
      Candidates candidates;
      candidates.begin(logits);
      fast(candidates);
      expect_same(kept(candidates), expected, what, n);
      candidates.begin(logits);
      candidates.make_list();
      fast(candidates);
      expect_same(kept(candidates), expected, what, n);
      candidates.begin(logits);
      candidates.make_list();
      candidates.sort();
      fast(candidates);
      expect_same(kept(candidates), expected, what, n);
    }
  }
}

TEST(TopK, KeepsTheLargest) {
  for (const int k : {1, 2, 40, 100, 1000, 40000})
    compare([&](Candidates& c) { top_k(c, k); },
            [&](const plain::List& l) { return plain::top_k(l, k); }, "top_k");
}

TEST(TopK, SortsByFallingLogitAndBreaksTiesByToken) {
  std::vector<float> logits(3000, 1.0f);
  logits[2000] = 3;
  logits[1000] = 2;
  Candidates c;
  c.begin(logits);
  top_k(c, 5);
  std::vector<TokenId> order;
  for (const Candidate& item : c.items()) order.push_back(item.token);
  EXPECT_EQ(order, (std::vector<TokenId>{2000, 1000, 0, 1, 2}));
}

TEST(TopP, KeepsTheSmallestSetThatReachesTheMass) {
  for (const float p : {0.0f, 0.3f, 0.9f, 0.95f, 0.999f})
    for (const std::size_t min_keep : {0u, 5u})
      compare([&](Candidates& c) { top_p(c, p, min_keep); },
              [&](const plain::List& l) { return plain::top_p(l, p, min_keep); }, "top_p");
}

TEST(TopP, OfFourKnownProbabilitiesIsTheKnownSet) {
  std::vector<float> logits;
  for (const float p : {0.1f, 0.2f, 0.3f, 0.4f}) logits.push_back(std::log(p));
  Candidates c;
  c.begin(logits);
  top_p(c, 0.7f, 0);
  EXPECT_EQ(kept(c), (std::set<TokenId>{2, 3}));
  c.softmax();
  EXPECT_NEAR(c.items()[0].p, 0.4 / 0.7, 1e-6);
  EXPECT_NEAR(c.items()[1].p, 0.3 / 0.7, 1e-6);
}

TEST(TopP, CountsProbabilitiesAfterTheTemperatureOfAWholeVocabulary) {
  auto logits = plain::random_logits(4000, 5);
  auto divided = logits;
  for (float& z : divided) z /= 2.5f;
  Candidates c;
  c.begin(logits);
  ASSERT_TRUE(c.dense());
  c.divide(2.5f);
  top_p(c, 0.8f, 0);
  EXPECT_EQ(kept(c), plain::tokens_of(plain::top_p(plain::list_of(divided), 0.8, 0)));
}

TEST(MinP, KeepsWhatIsNearEnoughToTheMaximum) {
  for (const float p : {0.001f, 0.05f, 0.5f, 1.0f})
    for (const std::size_t min_keep : {0u, 7u})
      compare([&](Candidates& c) { min_p(c, p, min_keep); },
              [&](const plain::List& l) { return plain::min_p(l, p, min_keep); }, "min_p");
}

TEST(TypicalP, KeepsTheCandidatesNearestToTheEntropy) {
  for (const float p : {0.2f, 0.5f, 0.9f})
    for (const std::size_t min_keep : {0u, 4u})
      compare([&](Candidates& c) { typical_p(c, p, min_keep); },
              [&](const plain::List& l) { return plain::typical(l, p, min_keep); }, "typical_p");
}

TEST(TopNSigma, KeepsWhatIsWithinDeviationsOfTheMaximum) {
  for (const float n : {0.5f, 1.0f, 3.0f})
    compare([&](Candidates& c) { top_n_sigma(c, n); },
            [&](const plain::List& l) { return plain::top_n_sigma(l, n); }, "top_n_sigma");
}

TEST(TopNSigma, LeavesTheCountOfCandidatesAsItWas) {
  auto logits = plain::random_logits(1000, 3);
  Candidates c;
  c.begin(logits);
  top_n_sigma(c, 1);
  EXPECT_LT(c.items().size(), 1000u);
  EXPECT_EQ(c.count(), 1000u);
  top_k(c, 100);
  EXPECT_EQ(c.count(), 100u);
}

TEST(ExcludeTopChoices, LeavesOnlyTheLeastProbableOfThem) {
  for (const float threshold : {0.01f, 0.1f, 0.4f})
    for (const std::size_t min_keep : {0u, 2u, 6000u})
      compare([&](Candidates& c) { exclude_top_choices(c, threshold, min_keep); },
              [&](const plain::List& l) { return plain::xtc(l, threshold, min_keep); }, "xtc");
}

TEST(Truncation, LeavesOneTokenWhenAllLogitsAreImpossible) {
  for (const float z : {-kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> logits(700, z);
    Candidates c;
    c.begin(logits);
    top_k(c, 3);
    top_p(c, 0.5f, 0);
    min_p(c, 0.5f, 0);
    EXPECT_TRUE(c.exhausted());
    EXPECT_EQ(kept(c), std::set<TokenId>{0});
  }
}

TEST(Truncation, KeepsOnlyInfiniteLogitsWhenThereAreAny) {
  std::vector<float> logits(700, 1);
  logits[33] = logits[555] = kInfinity;
  logits[1] = std::numeric_limits<float>::quiet_NaN();
  Candidates c;
  c.begin(logits);
  top_k(c, 40);
  EXPECT_EQ(kept(c), (std::set<TokenId>{33, 555}));
}

}  // namespace
}  // namespace llm::sampling
