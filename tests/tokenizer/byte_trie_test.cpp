#include "tokenizer/byte_trie.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace llm {
namespace {

TEST(ByteTrie, FindsWhatStandsInATextShortestFirst) {
  const ByteTrie trie({{"a", 1}, {"abc", 2}, {"b", 3}, {std::string_view("\0\xFF", 2), 4}});
  std::vector<std::pair<std::size_t, std::int32_t>> found;
  trie.for_each_match("xabcd", 1, [&](std::size_t length, std::int32_t value) {
    found.emplace_back(length, value);
  });
  EXPECT_EQ(found, (std::vector<std::pair<std::size_t, std::int32_t>>{{1, 1}, {3, 2}}));
  EXPECT_EQ(trie.longest("abx", 0).length, 1u);
  EXPECT_EQ(trie.walk("abx", 0), 2u) << "a beginning is enough";
  EXPECT_EQ(trie.longest(std::string_view("\0\xFF", 2), 0).value, 4);
  EXPECT_EQ(trie.longest("x", 0).length, 0u);
  EXPECT_EQ(trie.longest("a", 1).length, 0u) << "the end of the text";
}

TEST(ByteTrie, LeavesOutEmptyTextsAndKeepsTheLastOfEqualOnes) {
  const ByteTrie trie({{"", 7}, {"a", 1}, {"ab", 5}, {"a", 2}});
  EXPECT_EQ(trie.longest("a", 0).value, 2);
  EXPECT_EQ(trie.value(ByteTrie::kRoot), ByteTrie::kNoValue);
  EXPECT_EQ(ByteTrie().longest("a", 0).length, 0u);
}

TEST(ByteTrie, AgreesWithAMapOnRandomSets) {
  std::mt19937 generator(1);
  const auto random_text = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(generator() % 3 * 127);
    return text;
  };
  for (int round = 0; round < 100; ++round) {
    std::map<std::string, std::int32_t> texts;
    for (int i = 0; i < 30; ++i) texts.emplace(random_text(1 + generator() % 6), i);
    std::vector<ByteTrie::Key> keys;
    for (const auto& [text, value] : texts) keys.push_back({text, value});
    std::shuffle(keys.begin(), keys.end(), generator);
    const ByteTrie trie(std::move(keys));
    const std::string text = random_text(40);
    for (std::size_t at = 0; at < text.size(); ++at) {
      ByteTrie::Match expected;
      for (std::size_t length = 1; at + length <= text.size(); ++length)
        if (const auto it = texts.find(text.substr(at, length)); it != texts.end())
          expected = {length, it->second};
      EXPECT_EQ(trie.longest(text, at).length, expected.length);
      EXPECT_EQ(trie.longest(text, at).value, expected.value);
    }
  }
}

}  // namespace
}  // namespace llm
