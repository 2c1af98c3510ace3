#include "grammar/automaton/trigger_search.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

namespace llm::grammar {
namespace {

constexpr std::uint32_t kMatchLimit = 100'000, kHeapKilobytes = 4096;

}  // namespace

struct TriggerSearch::Pattern {
  struct Free {
    void operator()(pcre2_code* one) const { pcre2_code_free(one); }
    void operator()(pcre2_match_data* one) const { pcre2_match_data_free(one); }
    void operator()(pcre2_match_context* one) const { pcre2_match_context_free(one); }
  };

  explicit Pattern(const std::string& text) {
    int error = 0;
    PCRE2_SIZE at = 0;
    // Patterns see text that may be cut inside of a character, so they see bytes.
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                             PCRE2_DOLLAR_ENDONLY, &error, &at, nullptr));
    if (code == nullptr) {
      PCRE2_UCHAR message[200];
      pcre2_get_error_message(error, message, sizeof message);
      throw GrammarError(fmt::format("trigger pattern '{}', position {}: {}", text, at,
                                     reinterpret_cast<const char*>(message)));
    }
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
    context.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapKilobytes);
  }

  /// Where its first group that is not empty begins, or the match itself.
  std::optional<std::size_t> find(std::string_view text, bool is_cut) const {
    const std::unique_ptr<pcre2_match_data, Free> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr));
    const int count =
        pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                    is_cut ? PCRE2_NOTBOL : 0, data.get(), context.get());
    if (count <= 0) return std::nullopt;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    for (int i = 1; i < count; ++i) {
      if (ends[2 * i] != PCRE2_UNSET && ends[2 * i] < ends[2 * i + 1]) return ends[2 * i];
    }
    return ends[0];
  }

  std::unique_ptr<pcre2_code, Free> code;
  std::unique_ptr<pcre2_match_context, Free> context;
};

TriggerSearch::TriggerSearch(const std::vector<Trigger>& triggers, const ThinkingTags& thinking)
    : starts_thinking_(thinking.is_open && !thinking.ends.empty()) {
  for (const Trigger& trigger : triggers) {
    if (trigger.kind == Trigger::Kind::token) {
      tokens_.push_back(trigger.token);
    } else if (trigger.kind == Trigger::Kind::pattern) {
      patterns_.push_back(std::make_unique<Pattern>(trigger.text));
    } else {
      add_word(trigger.text, kTrigger);
    }
  }
  if (!thinking.ends.empty()) add_word(thinking.start, kThinkingStart);
  for (const std::string& end : thinking.ends) add_word(end, kThinkingEnd);
  automaton_ = std::make_unique<const AhoCorasick>(words_);
}

TriggerSearch::~TriggerSearch() = default;

void TriggerSearch::add_word(const std::string& word, Sort sort) {
  if (word.empty()) return;
  const auto known = std::find(words_.begin(), words_.end(), word);
  if (known != words_.end()) {
    sorts_[known - words_.begin()] |= sort;
    return;
  }
  words_.push_back(word);
  sorts_.push_back(sort);
}

bool TriggerSearch::is_token_trigger(TokenId token) const {
  return std::find(tokens_.begin(), tokens_.end(), token) != tokens_.end();
}

int TriggerSearch::find(std::int32_t state, bool wants_trigger, bool wants_start,
                        bool wants_end) const {
  const int wanted = (wants_trigger ? kTrigger : 0) | (wants_start ? kThinkingStart : 0) |
                     (wants_end ? kThinkingEnd : 0);
  for (; automaton_->longest(state) >= 0; state = automaton_->shorter(state)) {
    const int word = automaton_->longest(state);
    if ((sorts_[word] & wanted) != 0) return word;
    if (automaton_->shorter(state) == 0) break;
  }
  return -1;
}

std::optional<std::size_t> TriggerSearch::read(Place& place, std::string_view text,
                                               std::size_t offset, std::size_t from) const {
  if (const auto start = read_words(place, text, offset, from)) return start;
  return match_patterns(place, text, offset);
}

std::optional<std::size_t> TriggerSearch::read_words(Place& place, std::string_view text,
                                                     std::size_t offset, std::size_t from) const {
  for (std::size_t i = from; i < text.size(); ++i) {
    place.state = automaton_->next(place.state, static_cast<std::uint8_t>(text[i]));
    const std::size_t end = offset + i + 1;
    if (!place.is_thinking) {
      const int trigger = find(place.state, true, false, false);
      if (trigger >= 0) return end - words_[trigger].size();
      if (find(place.state, false, true, false) >= 0) place = {.is_thinking = true};
      continue;
    }
    const int tag = find(place.state, false, false, true);
    if (tag < 0) continue;
    // The search goes on from the tag's own beginning, which no opening tag hides.
    place = {.patterns_from = end - words_[tag].size()};
    std::size_t read = 0;
    for (const char c : words_[tag]) {
      ++read;
      place.state = automaton_->next(place.state, static_cast<std::uint8_t>(c));
      const int trigger = find(place.state, true, false, false);
      if (trigger >= 0) return place.patterns_from + read - words_[trigger].size();
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> TriggerSearch::match_patterns(const Place& place, std::string_view text,
                                                         std::size_t offset) const {
  if (place.is_thinking || patterns_.empty()) return std::nullopt;
  const std::size_t from = std::max(place.patterns_from, offset);
  if (from > offset + text.size()) return std::nullopt;
  const std::string_view searched = text.substr(from - offset);
  std::optional<std::size_t> first;
  for (const auto& pattern : patterns_) {
    const auto found = pattern->find(searched, /*is_cut=*/from != place.patterns_from);
    if (found && (!first || *found + from < *first)) first = *found + from;
  }
  return first;
}

}  // namespace llm::grammar
