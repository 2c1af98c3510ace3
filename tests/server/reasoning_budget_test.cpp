#include "server/request/reasoning_budget.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fakes.h"

namespace llm::server {
namespace {

using test::letter;

/// A filter around the tiny vocabulary: thoughts begin with "ab" and end with "yz".
struct Limited {
  explicit Limited(ReasoningLimit limit, std::unique_ptr<TokenFilter> inner = nullptr) {
    limit.tags.start = "ab";
    if (limit.tags.ends.empty()) limit.tags.ends = {"yz"};
    filter = limit_reasoning(limit, *tokenizer, std::move(inner));
  }
  void write(const std::string& text) {
    for (const char c : text) filter->accept(letter(c));
  }
  /// The only token that is allowed; kNoToken when there are several.
  TokenId forced() {
    std::vector<float> logits(static_cast<std::size_t>(tokenizer->size()), 1.0f);
    filter->mask(logits);
    TokenId only = kNoToken;
    int count = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (std::isinf(logits[i])) continue;
      only = static_cast<TokenId>(i);
      ++count;
    }
    return count == 1 ? only : kNoToken;
  }
  /// What is forced from here on.
  std::string read_forced() {
    std::string text;
    for (TokenId token = forced(); token != kNoToken && text.size() < 50; token = forced()) {
      EXPECT_TRUE(filter->allows(token));
      EXPECT_FALSE(filter->allows(letter('q')));
      filter->accept(token);
      text += tokenizer->piece(token, true);
    }
    return text;
  }

  std::unique_ptr<Tokenizer> tokenizer = test::tiny_tokenizer();
  std::unique_ptr<TokenFilter> filter;
};

TEST(ReasoningBudget, EndsThoughtsThatTheModelOpened) {
  Limited limited({.budget = 3});
  limited.write("xxab");
  EXPECT_EQ(limited.forced(), kNoToken);
  limited.write("cc");
  EXPECT_EQ(limited.forced(), kNoToken);
  limited.write("c");
  EXPECT_EQ(limited.read_forced(), " yz");  // the vocabulary puts a blank in front of texts
  limited.write("ccccccc");
  EXPECT_EQ(limited.forced(), kNoToken);
}

TEST(ReasoningBudget, AMessageComesBeforeTheEnd) {
  Limited limited({.budget = 1, .message = "stop", .tags = {.is_open = true}});
  limited.write("c");
  EXPECT_EQ(limited.read_forced(), " stopyz");
}

TEST(ReasoningBudget, ZeroEndsThoughtsAtOnceWhereThePromptOpenedThem) {
  Limited limited({.budget = 0, .tags = {.is_open = true}});
  EXPECT_EQ(limited.read_forced(), " yz");
}

TEST(ReasoningBudget, ANaturalEndAndANewStartBeginAfresh) {
  Limited limited({.budget = 3, .tags = {.is_open = true}});
  limited.write("cyz");
  limited.write("cccccccc");
  EXPECT_EQ(limited.forced(), kNoToken);
  limited.write("abcc");
  EXPECT_EQ(limited.forced(), kNoToken);
  limited.write("c");
  EXPECT_NE(limited.forced(), kNoToken);
}

TEST(ReasoningBudget, WaitsForTheEndOfACharacter) {
  Limited limited({.budget = 1, .tags = {.is_open = true}});
  limited.filter->accept(test::byte(0xC3));
  EXPECT_EQ(limited.forced(), kNoToken);
  limited.filter->accept(test::byte(0xBC));
  EXPECT_NE(limited.forced(), kNoToken);
}

TEST(ReasoningBudget, TheSwitchWorksOnlyDuringThoughts) {
  const auto control = std::make_shared<ReasoningSwitch>();
  Limited limited({.control = control});
  control->end_reasoning();
  limited.write("cab");
  EXPECT_EQ(limited.forced(), kNoToken);
  limited.write("ccccc");
  control->end_reasoning();
  EXPECT_EQ(limited.read_forced(), " yz");
}

/// Allows one letter only.
class OnlyQ final : public TokenFilter {
 public:
  bool allows(TokenId token) override { return token == letter('q'); }
  void mask(std::span<float> logits) override {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!allows(static_cast<TokenId>(i))) logits[i] = -INFINITY;
    }
  }
  void accept(TokenId) override {}
};

TEST(ReasoningBudget, GivesWayToAGrammarThatKnowsNoThoughts) {
  Limited limited({.budget = 0, .tags = {.is_open = true}}, std::make_unique<OnlyQ>());
  EXPECT_EQ(limited.forced(), letter('q'));
  EXPECT_TRUE(limited.filter->allows(letter('q')));
}

TEST(ReasoningBudget, WithoutTagsOrLimitThereIsNothingToDo) {
  const auto tokenizer = test::tiny_tokenizer();
  EXPECT_EQ(limit_reasoning({.budget = 3}, *tokenizer, nullptr), nullptr);
  EXPECT_EQ(limit_reasoning({.tags = {.start = "a", .ends = {"b"}}}, *tokenizer, nullptr), nullptr);
}

}  // namespace
}  // namespace llm::server
