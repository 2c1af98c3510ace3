// Random grammars: the automaton against a naive recursive matcher, masks against single tokens.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "grammar/filter.h"
#include "grammar/grammar.h"

namespace llm::grammar {
namespace {

using Kind = Expressions::Node::Kind;
using Node = Expressions::Node;

/// All ends of matches of an expression from a start. Independent of the automaton: sets of
/// positions, by structure. Rules refer to nodes only behind a byte, so recursion ends.
class NaiveMatcher {
 public:
  NaiveMatcher(const Expressions& expressions, std::string_view text)
      : expressions_(expressions), text_(text) {}

  using Ends = std::set<std::size_t>;

  Ends ends(std::int32_t index, std::size_t from) {
    const std::pair<std::int32_t, std::size_t> key = {index, from};
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    return known_[key] = find_ends(index, from);
  }

 private:
  Ends find_ends(std::int32_t index, std::size_t from) {
    const Node& node = expressions_.nodes()[index];
    const auto children = expressions_.children(node);
    switch (node.kind) {
      case Kind::empty:
        return {from};
      case Kind::literal: {
        const std::string& literal = expressions_.strings(node)[0];
        if (text_.substr(from, literal.size()) != literal) return {};
        return {from + literal.size()};
      }
      case Kind::chars: {
        if (from >= text_.size()) return {};
        const auto byte = static_cast<unsigned char>(text_[from]);
        for (const CodeRange& range : expressions_.ranges(node)) {
          if (byte >= range.first && byte <= range.last) return {from + 1};
        }
        return {};
      }
      case Kind::text:
        return text_ends(node, from);
      case Kind::sequence: {
        Ends at = {from};
        for (const std::int32_t child : children) at = advance(at, child);
        return at;
      }
      case Kind::choice: {
        Ends all;
        for (const std::int32_t child : children) all.merge(ends(child, from));
        return all;
      }
      case Kind::repeat:
        return repeat_ends(node, from);
      case Kind::unordered: {
        Ends all;
        unordered_ends(node, from, 0, all);
        return all;
      }
      case Kind::rule:
        return ends(node.low, from);
      default:
        return {};
    }
  }

  Ends advance(const Ends& starts, std::int32_t child) {
    Ends all;
    for (const std::size_t start : starts) all.merge(ends(child, start));
    return all;
  }

  Ends text_ends(const Node& node, std::size_t from) {
    Ends all;
    for (std::size_t end = from; end <= text_.size(); ++end) {
      for (const std::string& stop : expressions_.strings(node)) {
        if (text_.substr(from, end - from).ends_with(stop)) return all;
      }
      all.insert(end);
    }
    return all;
  }

  Ends repeat_ends(const Node& node, std::size_t from) {
    const std::int32_t child = expressions_.children(node)[0];
    Ends all, at = {from};
    const int enough = node.low + static_cast<int>(text_.size()) + 1;
    const int maximum = node.high < 0 ? enough : std::min(node.high, enough);
    for (int round = 0; round <= maximum && !at.empty(); ++round) {
      if (round >= node.low) all.insert(at.begin(), at.end());
      at = advance(at, child);
    }
    return all;
  }

  void unordered_ends(const Node& node, std::size_t from, std::uint64_t present, Ends& all) {
    const auto children = expressions_.children(node);
    bool is_complete = true;
    for (std::size_t i = 0; i + 1 < children.size(); ++i) {
      if (expressions_.is_required(node, i) && !(present >> i & 1)) is_complete = false;
    }
    if (is_complete) all.insert(from);
    const Ends starts = present == 0 ? Ends{from} : ends(children[0], from);
    for (const std::size_t start : starts) {
      for (std::size_t i = 0; i + 1 < children.size(); ++i) {
        if (present >> i & 1) continue;
        for (const std::size_t end : ends(children[i + 1], start)) {
          unordered_ends(node, end, present | std::uint64_t{1} << i, all);
        }
      }
    }
  }

  const Expressions& expressions_;
  std::string_view text_;
  std::map<std::pair<std::int32_t, std::size_t>, Ends> known_;
};

class RandomGrammar {
 public:
  explicit RandomGrammar(unsigned seed) : random_(seed) {
    for (int i = 0; i < 3; ++i) rules_.push_back(expressions.rule("r" + std::to_string(i)));
    for (const Expr rule : rules_) expressions.define(rule, make(3, false));
    root = make(4, true);
  }

  Expressions expressions;
  Expr root;

 private:
  int below(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }

  Expr solid() {
    static const std::vector<std::string> kWords = {"a", "b", "ab", "ba", "c", "abc"};
    if (below(3) == 0) return expressions.chars({{'a', below(2) ? U'b' : U'c'}});
    return expressions.literal(kWords[below(static_cast<int>(kWords.size()))]);
  }

  /// `may_call`: a rule may stand here, because a byte was read before or no rule is above.
  Expr make(int depth, bool may_call) {
    if (depth == 0) return may_call && below(3) == 0 ? rules_[below(3)] : solid();
    switch (below(9)) {
      case 0:
      case 1: {
        std::vector<Expr> parts = {may_call ? make(depth - 1, true) : solid()};
        for (int i = below(3); i >= 0; --i) {
          parts.push_back(make(depth - 1, true));
        }
        return expressions.sequence(std::move(parts));
      }
      case 2:
      case 3: {
        std::vector<Expr> parts;
        for (int i = below(3); i >= 0; --i) parts.push_back(make(depth - 1, may_call));
        return expressions.choice(std::move(parts));
      }
      case 4: {
        const int low = below(3);
        const int high = below(3) == 0 ? Expressions::kNoMaximum : low + below(4);
        if (high == 0) return expressions.empty();
        return expressions.repeat(make(depth - 1, may_call), low, high);
      }
      case 5: {
        const int low = 20 * below(2);  // too large to be written out
        return expressions.repeat(make(depth - 1, may_call), low, low + 60);
      }
      case 6: {
        std::vector<Expressions::Member> members;
        for (int i = below(3); i >= 0; --i) members.push_back({solid(), below(2) == 0});
        return expressions.unordered(std::move(members),
                                     below(2) ? expressions.literal("c") : expressions.empty());
      }
      case 7:
        return expressions.text_without({below(2) ? "ab" : "ca", "bb"});
      default:
        return may_call ? rules_[below(3)] : solid();
    }
  }

  std::mt19937 random_;
  std::vector<Expr> rules_;
};

std::string random_text(std::mt19937& random) {
  std::string text;
  for (unsigned left = random() % 8; left > 0; --left) {
    text += static_cast<char>("abc"[random() % 3]);
  }
  return text;
}

TEST(RandomGrammars, MatchWhatANaiveMatcherMatches) {
  std::mt19937 random(11);
  int accepted = 0, compiled = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    const RandomGrammar made(seed);
    std::shared_ptr<const Grammar> grammar;
    try {
      grammar = compile(made.expressions, made.root);
    } catch (const GrammarError&) {
      continue;  // left recursion behind an empty part
    }
    ++compiled;
    for (int i = 0; i < 30; ++i) {
      const std::string text = random_text(random);
      Matcher matcher(grammar);
      const bool matches = matcher.feed(text) == text.size() && matcher.is_accepting();
      const bool expected =
          NaiveMatcher(made.expressions, text).ends(made.root.index, 0).contains(text.size());
      ASSERT_EQ(matches, expected) << "seed " << seed << ", text '" << text << "'";
      accepted += matches;
    }
  }
  EXPECT_GT(compiled, 1000);
  EXPECT_GT(accepted, 1000);
}

std::vector<std::string> all_pieces() {
  std::vector<std::string> pieces = {"</s>", ""};
  for (const char a : std::string("abcd\xC3\xA9")) {
    pieces.push_back(std::string(1, a));
    for (const char b : std::string("abcd\xC3\xA9")) {
      pieces.push_back({a, b});
      for (const char c : std::string("abc\xA9")) pieces.push_back({a, b, c});
    }
  }
  return pieces;
}

/// Walks along random allowed tokens and compares the mask with single answers everywhere.
void expect_masks_agree(const std::shared_ptr<const Grammar>& grammar,
                        const std::shared_ptr<const Vocabulary>& vocabulary, std::size_t size,
                        std::mt19937& random, int steps) {
  auto filter = make_filter({.grammar = grammar}, vocabulary);
  for (int step = 0; step < steps; ++step) {
    std::vector<float> logits(size + 3, 1.0f);
    const auto before = filter->clone();
    filter->mask(logits);
    std::vector<TokenId> allowed;
    for (std::size_t token = 0; token < size; ++token) {
      const auto id = static_cast<TokenId>(token);
      const bool is_allowed = logits[token] == 1.0f;
      ASSERT_EQ(is_allowed, before->allows(id)) << "token " << token << " at step " << step;
      if (is_allowed && token != 0) allowed.push_back(id);
    }
    for (std::size_t token = size; token < logits.size(); ++token) {
      ASSERT_LT(logits[token], 0.0f);
    }
    if (allowed.empty()) {
      EXPECT_TRUE(filter->allows(0));
      return;
    }
    filter->accept(allowed[random() % allowed.size()]);
  }
}

TEST(RandomGrammars, MasksAgreeWithSingleTokens) {
  const std::vector<std::string> pieces = all_pieces();
  const auto vocabulary = make_vocabulary(pieces, std::vector<TokenId>{0});
  std::mt19937 random(5);
  for (unsigned seed = 0; seed < 250; ++seed) {
    RandomGrammar made(seed);
    SCOPED_TRACE(seed);
    std::shared_ptr<const Grammar> grammar;
    try {
      grammar = compile(made.expressions, made.root);
    } catch (const GrammarError&) {
      continue;
    }
    expect_masks_agree(grammar, vocabulary, pieces.size(), random, 8);
    if (HasFatalFailure()) return;
  }
}

TEST(RandomGrammars, MasksAgreeInDenseRegions) {
  const std::vector<std::string> pieces = all_pieces();
  const auto vocabulary = make_vocabulary(pieces, std::vector<TokenId>{0});
  std::mt19937 random(6);
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Expressions e;
    const Expr character = e.chars({{'c', 'c'}}, true);
    const Expr word = e.rule("word");
    const int low = static_cast<int>(random() % 40), high = low + static_cast<int>(random() % 40);
    e.define(word, random() % 2 ? e.repeat(character, low, high + 1)
                                : e.repeat(e.choice({character, e.literal("ccc")}), low));
    const Expr list = e.rule("list");
    e.define(list, e.sequence({word, e.literal("c"), e.choice({list, word, e.empty()})}));
    const Expr root = e.choice({list, e.sequence({e.literal("a"), e.text_without({"ab"}), list})});
    expect_masks_agree(compile(e, root), vocabulary, pieces.size(), random, 60);
    if (HasFatalFailure()) return;
  }
}

TEST(RandomGrammars, ClonesAreIndependent) {
  Expressions e;
  const Expr root = e.repeat(e.choice({e.literal("ab"), e.literal("ba")}), 0, 1000);
  const auto vocabulary =
      make_vocabulary(std::vector<std::string>{"</s>", "a", "b"}, std::vector<TokenId>{0});
  const auto filter = make_filter({.grammar = compile(e, root)}, vocabulary);
  filter->accept(1);
  const auto clone = filter->clone();
  filter->accept(2);
  EXPECT_TRUE(filter->allows(0));
  EXPECT_FALSE(clone->allows(0));
  EXPECT_FALSE(clone->allows(1));
  EXPECT_EQ(clone->forced_text(), "b");
}

}  // namespace
}  // namespace llm::grammar
