// Where a lazy grammar begins in free text: words, patterns, and the tags of thinking.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/automaton/aho_corasick.h"
#include "grammar/filter.h"

namespace llm::grammar {

/// What is looked for. Immutable.
class TriggerSearch {
 public:
  /// Throws GrammarError for a pattern that is not a regular expression.
  TriggerSearch(const std::vector<Trigger>& triggers, const ThinkingTags& thinking);
  ~TriggerSearch();
  TriggerSearch(const TriggerSearch&) = delete;
  TriggerSearch& operator=(const TriggerSearch&) = delete;

  /// How far a text has been read. Small; copied to look ahead.
  struct Place {
    std::int32_t state = 0;
    bool is_thinking = false;
    /// Where patterns may begin to match, counted from the start of the text.
    std::size_t patterns_from = 0;
  };
  Place start() const { return {.is_thinking = starts_thinking_}; }

  /// Reads text[from...] and moves `place`. The offset where the grammar begins, if it does.
  /// `text` holds the latest part of the text; it starts at `offset` of the whole.
  std::optional<std::size_t> read(Place& place, std::string_view text, std::size_t offset,
                                  std::size_t from) const;

  /// The same in two parts: words and tags may be read byte by byte, patterns are looked for where
  /// a token ends (and no word was found).
  std::optional<std::size_t> read_words(Place& place, std::string_view text, std::size_t offset,
                                        std::size_t from) const;
  std::optional<std::size_t> match_patterns(const Place& place, std::string_view text,
                                            std::size_t offset) const;

  /// Reads a byte behind which no word ends; false, and nothing is read, where one does.
  bool passes(Place& place, std::uint8_t byte) const {
    const std::int32_t next = automaton_->next(place.state, byte);
    if (automaton_->longest(next) >= 0) return false;
    place.state = next;
    return true;
  }

  bool is_token_trigger(TokenId token) const;
  std::span<const TokenId> token_triggers() const { return tokens_; }
  bool has_patterns() const { return !patterns_.empty(); }

 private:
  struct Pattern;
  /// The first word at whose end `state` is and which is of the wanted sort; the longest one.
  int find(std::int32_t state, bool wants_trigger, bool wants_start, bool wants_end) const;

  enum Sort : std::uint8_t { kTrigger = 1, kThinkingStart = 2, kThinkingEnd = 4 };
  void add_word(const std::string& word, Sort sort);

  std::vector<std::string> words_;
  std::vector<std::uint8_t> sorts_;  // of every word
  std::unique_ptr<const AhoCorasick> automaton_;
  std::vector<std::unique_ptr<Pattern>> patterns_;
  std::vector<TokenId> tokens_;
  bool starts_thinking_ = false;
};

}  // namespace llm::grammar
