// Samplers with a memory: mirostat, adaptive-p, dynamic temperature, and the infill sampler.
#include "sampling/adaptive.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "sampling/infill.h"
#include "sampling/mirostat.h"
#include "sampling/plain.h"
#include "sampling/temperature.h"

namespace llm::sampling {
namespace {

TEST(Mirostat, KeepsTheAverageSurpriseNearTau) {
  for (const int version : {1, 2}) {
    for (const float tau : {1.2f, 2.0f}) {
      Mirostat mirostat({version, tau, 0.1f});
      Generator generator(3);
      Candidates c;
      double surprise = 0;
      const int steps = 1500;
      for (int step = 0; step < steps; ++step) {
        auto logits = plain::random_logits(2000, step, 1.5f);
        c.begin(logits);
        const TokenId token = mirostat.draw(c, generator);
        for (const Candidate& item : c.items())
          if (item.token == token) surprise -= std::log2(item.p);
        mirostat.commit();
      }
      EXPECT_NEAR(surprise / steps, tau, 0.15 * tau) << "version " << version;
    }
  }
}

TEST(Mirostat2, KeepsCandidatesUpToTheSurpriseOfMu) {
  // mu starts at 2 tau: -log2 p <= 4 keeps p >= 1/16.
  const std::vector<float> p = {0.5f, 0.25f, 0.125f, 0.0626f, 0.0400f, 0.0224f};
  for (const bool as_list : {false, true}) {
    std::vector<float> logits;
    for (const float value : p) logits.push_back(std::log(value));
    Mirostat mirostat({2, 2.0f, 0.1f});
    Generator generator(1);
    Candidates c;
    c.begin(logits);
    if (as_list) c.make_list();
    mirostat.draw(c, generator);
    EXPECT_EQ(c.items().size(), 4u);
  }
}

TEST(Mirostat1, KeepsTheRankThatZipfsLawPredicts) {
  // z_i = -s ln(i + 1) is Zipf's law with exponent s exactly.
  const double s = 1.2;
  const int n = 1000;
  std::vector<float> logits;
  for (int i = 0; i < n; ++i) logits.push_back(static_cast<float>(-s * std::log(i + 1.0)));
  Mirostat mirostat({1, 2.5f, 0.1f});
  Generator generator(1);
  Candidates c;
  c.begin(logits);
  mirostat.draw(c, generator);
  const double k = std::pow((s - 1) * std::exp2(5.0) / (1 - std::pow(n, -(s - 1))), 1 / s);
  EXPECT_NEAR(static_cast<double>(c.items().size()), std::floor(k), 1);
}

TEST(AdaptiveP, PrefersCandidatesNearTheTarget) {
  std::map<TokenId, int> drawn;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    std::vector<float> logits;
    for (const float p : {0.6f, 0.3f, 0.1f}) logits.push_back(std::log(p));
    AdaptiveP adaptive({0.3f, 0.9f});
    Generator generator(seed);
    Candidates c;
    c.begin(logits);
    ++drawn[adaptive.draw(c, generator)];
  }
  // z = 5 - 10 x^2 / (1 + x), x = |p - 0.3| / 0.3.
  const auto weight = [](double p) {
    const double x = std::fabs(p - 0.3) / 0.3;
    return std::exp(5 - 10 * x * x / (1 + x));
  };
  const double sum = weight(0.6) + weight(0.3) + weight(0.1);
  EXPECT_NEAR(drawn[1] / 2000.0, weight(0.3) / sum, 0.03);
  EXPECT_NEAR(drawn[2] / 2000.0, weight(0.1) / sum, 0.03);
}

TEST(AdaptiveP, MovesItsTargetAgainstThePast) {
  // After likely tokens were chosen the target falls below the wished one, and the other way.
  AdaptiveP adaptive({0.5f, 0.5f});
  Generator generator(1);
  Candidates c;
  std::vector<float> certain = {0.0f, -30.0f};
  for (int i = 0; i < 20; ++i) {
    c.begin(certain);
    adaptive.draw(c, generator);
    adaptive.commit();
  }
  std::map<TokenId, int> drawn;
  for (int i = 0; i < 400; ++i) {
    std::vector<float> logits = {std::log(0.9f), std::log(0.1f)};
    c.begin(logits);
    ++drawn[adaptive.draw(c, generator)];  // not committed: the target stays
  }
  EXPECT_GT(drawn[1], 300);  // target about 0: the token with 0.1 is nearer than that with 0.9
}

TEST(Temperature, OfZeroKeepsTheFirstMaximum) {
  for (const bool as_list : {false, true}) {
    std::vector<float> logits = {1, 5, 5, 2};
    Candidates c;
    c.begin(logits);
    if (as_list) c.make_list();
    temperature(c, 0);
    ASSERT_EQ(c.items().size(), 1u);
    EXPECT_EQ(c.items()[0].token, 1);
  }
}

TEST(DynamicTemperature, FollowsTheEntropy) {
  std::vector<float> logits = {2, 1, 0, -1, -3};
  const double share = plain::entropy(plain::list_of(logits)) / std::log(5.0);
  const double t = 0.3 + (1.3 - 0.3) * std::pow(share, 1.7);
  Candidates c;
  c.begin(logits);
  dynamic_temperature(c, {0.8f, 0.5f, 1.7f});
  for (const Candidate& item : c.items()) EXPECT_NEAR(item.logit, logits[item.token] / t, 1e-5);
}

class Words final : public SamplerVocabulary {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}
  bool is_end_of_generation(TokenId token) const override { return token < 2; }
  std::string piece(TokenId token) const override { return words_[token]; }
  TokenId end_of_text() const override { return 1; }

 private:
  std::vector<std::string> words_;
};

std::set<TokenId> after_infill(const Words& words, const std::vector<float>& p) {
  std::vector<float> logits;
  for (const float value : p) logits.push_back(std::log(value));
  Candidates c;
  c.begin(logits);
  infill(c, words);
  std::set<TokenId> tokens;
  for (const Candidate& item : c.items()) tokens.insert(item.token);
  return tokens;
}

TEST(Infill, EndsWhenTheModelIsInclinedTo) {
  const Words words({"", "", "a", "b"});
  EXPECT_EQ(after_infill(words, {0.06f, 0.06f, 0.48f, 0.40f}), (std::set<TokenId>{0, 1}));
}

TEST(Infill, UnitesTextsThatBeginAlike) {
  // "the" takes the probability of "t" and "th"; "x" alone is too unlikely.
  const Words words({"", "", "t", "th", "the", "x"});
  EXPECT_EQ(after_infill(words, {0.01f, 0.01f, 0.2f, 0.2f, 0.43f, 0.15f}),
            (std::set<TokenId>{0, 1, 4}));
}

TEST(Infill, EndsWhenNoTextIsLikelyEnough) {
  std::vector<std::string> texts = {"", ""};
  std::vector<float> p = {1e-5f, 1e-5f};
  for (int i = 0; i < 10; ++i) {
    texts.push_back(std::string(1, static_cast<char>('a' + i)));
    p.push_back(0.1f);
  }
  EXPECT_EQ(after_infill(Words(texts), p), std::set<TokenId>{1});
}

}  // namespace
}  // namespace llm::sampling
