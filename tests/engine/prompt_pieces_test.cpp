#include "engine/prompt_pieces.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace llm {
namespace {

using Tokens = std::vector<TokenId>;

Tokens run(TokenId first, int count) {
  Tokens tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

Tokens operator+(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(PromptPieces, FindsWhatStandsBehindSomethingThatWasTakenOut) {
  const Tokens held = run(100, 50) + run(200, 50) + run(300, 50) + run(400, 9);
  const Tokens prompt = run(100, 50) + run(300, 50) + run(400, 20);
  EXPECT_EQ(find_pieces(held, prompt, 50, 20), (std::vector<Piece>{{100, 50, 59}}));
}

TEST(PromptPieces, FindsSeveralPiecesInAnyOrder) {
  const Tokens held = run(100, 50) + run(200, 50) + run(300, 50);
  const Tokens prompt = run(300, 50) + run(900, 5) + run(100, 30);
  EXPECT_EQ(find_pieces(held, prompt, 0, 20), (std::vector<Piece>{{100, 0, 50}, {0, 55, 30}}));
}

TEST(PromptPieces, LeavesOutWhatIsTooShort) {
  const Tokens held = run(100, 50) + run(200, 19) + run(300, 50);
  const Tokens prompt = run(100, 50) + run(900, 3) + run(200, 19) + run(500, 3);
  EXPECT_TRUE(find_pieces(held, prompt, 50, 20).empty());
  EXPECT_EQ(find_pieces(held, prompt, 50, 19), (std::vector<Piece>{{50, 53, 19}}));
  EXPECT_TRUE(find_pieces({}, prompt, 50, 1).empty());
  EXPECT_TRUE(find_pieces(held, prompt, static_cast<int>(prompt.size()), 1).empty());
}

TEST(PromptPieces, TakesTheLongestOfTheFirstCandidates) {
  const Tokens held = run(100, 20) + run(900, 1) + run(100, 40);
  EXPECT_EQ(find_pieces(held, run(100, 40), 0, 10), (std::vector<Piece>{{21, 0, 40}}));
}

TEST(PromptPieces, TakesBoundedTimeForTextThatRepeatsItself) {
  const Tokens held(30000, 7);
  Tokens prompt(29999, 7);
  EXPECT_EQ(find_pieces(held, prompt, 0, 1).front().count, 29999);
  for (std::size_t i = 0; i < prompt.size(); i += 50) prompt[i] = 8;
  EXPECT_EQ(find_pieces(held, prompt, 0, 49).size(), 599u) << "behind the last mark are 48";
}

TEST(PromptPieces, NeverOverlapNorLie) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    Tokens held(random() % 300), prompt(random() % 300);
    for (TokenId& token : held) token = static_cast<TokenId>(random() % 3);
    for (TokenId& token : prompt) token = static_cast<TokenId>(random() % 3);
    const int least = 1 + static_cast<int>(random() % 12), begin = static_cast<int>(random() % 40);
    int end = begin;
    for (const Piece& piece : find_pieces(held, prompt, begin, least)) {
      EXPECT_GE(piece.to, end);
      EXPECT_GE(piece.count, least);
      end = piece.to + piece.count;
      ASSERT_LE(end, static_cast<int>(prompt.size()));
      ASSERT_LE(piece.from + piece.count, static_cast<int>(held.size()));
      EXPECT_TRUE(
          std::equal(prompt.begin() + piece.to, prompt.begin() + end, held.begin() + piece.from));
    }
  }
}

}  // namespace
}  // namespace llm
