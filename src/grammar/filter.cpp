#include "grammar/filter.h"

#include <algorithm>
#include <limits>

#include "grammar/automaton/compiled.h"
#include "grammar/automaton/trigger_search.h"
#include "grammar/mask/mask.h"

namespace llm::grammar {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr std::size_t kMaxForced = 256;
/// Free text that is kept for patterns, and for words that began in it.
constexpr std::size_t kKeptText = 4096;

/// The grammar holds from the first token on.
class StrictFilter final : public Filter {
 public:
  StrictFilter(Place place, std::shared_ptr<const Vocabulary> vocabulary)
      : place_(std::move(place)), vocabulary_(std::move(vocabulary)) {}

  bool allows(TokenId token) override {
    if (!vocabulary_->has(token)) return false;
    place_.refresh();
    if (vocabulary_->ends_generation(token)) return may_end();
    Place next = place_;
    return next.step_token(token, vocabulary_->text(token)) && !vocabulary_->text(token).empty();
  }

  void mask(std::span<float> logits) override {
    place_.refresh();
    const TokenSet& allowed = allowed_tokens(place_.automaton(), place_.state(), *vocabulary_);
    allowed.apply(logits, *vocabulary_, place_.is_accepting() || allowed.is_empty());
  }

  void accept(TokenId token) override {
    if (!vocabulary_->has(token) || vocabulary_->ends_generation(token)) return;
    place_.refresh();
    place_.step_token(token, vocabulary_->text(token));
  }

  std::string forced_text() const override { return place_.forced(kMaxForced); }
  /// The last token is left out: it might have been a longer one.
  std::vector<TokenId> forced() override {
    const std::string text = forced_text();
    if (text.empty()) return {};
    std::vector<TokenId> tokens = vocabulary_->encode(text);
    if (!tokens.empty()) tokens.pop_back();
    return tokens;
  }
  std::unique_ptr<Filter> clone() const override { return std::make_unique<StrictFilter>(*this); }

 private:
  /// A generation that nothing can go on with must end.
  bool may_end() {
    return place_.is_accepting() ||
           allowed_tokens(place_.automaton(), place_.state(), *vocabulary_).is_empty();
  }

  Place place_;
  std::shared_ptr<const Vocabulary> vocabulary_;
};

/// Free text until a trigger fires; from there on a strict filter.
class LazyFilter final : public Filter {
 public:
  LazyFilter(Place begin, std::shared_ptr<const TriggerSearch> search,
             std::shared_ptr<const Vocabulary> vocabulary)
      : begin_(std::move(begin)),
        search_(std::move(search)),
        vocabulary_(std::move(vocabulary)),
        at_(search_->start()) {}
  LazyFilter(const LazyFilter& other)
      : begin_(other.begin_),
        search_(other.search_),
        vocabulary_(other.vocabulary_),
        at_(other.at_),
        text_(other.text_),
        offset_(other.offset_),
        tokens_(other.tokens_),
        awake_(other.awake_ ? other.awake_->clone() : nullptr) {}

  bool allows(TokenId token) override {
    if (awake_) return awake_->allows(token);
    if (!vocabulary_->has(token)) return false;
    if (vocabulary_->ends_generation(token)) return true;
    begin_.refresh();
    TriggerSearch::Place at = at_;
    const std::optional<std::size_t> start = look_ahead(at, token);
    return !start || !read_from(*start, token).is_dead();
  }

  void mask(std::span<float> logits) override {
    if (awake_) return awake_->mask(logits);
    begin_.refresh();
    const std::size_t size = std::min<std::size_t>(logits.size(), vocabulary_->size());
    std::fill(logits.begin() + static_cast<std::ptrdiff_t>(size), logits.end(), kForbidden);
    const auto forbid = [&](TokenId token, bool is_forbidden) {
      if (is_forbidden && static_cast<std::size_t>(token) < size) logits[token] = kForbidden;
    };
    for_triggers([&](TokenId token, std::size_t start) {
      if (!search_->is_token_trigger(token)) forbid(token, read_from(start, token).is_dead());
    });
    for (const TokenId token : search_->token_triggers()) forbid(token, !allows(token));
    for (const TokenId token : vocabulary_->unranked()) forbid(token, !allows(token));
  }

  void accept(TokenId token) override {
    if (awake_) return awake_->accept(token);
    if (!vocabulary_->has(token) || vocabulary_->ends_generation(token)) return;
    begin_.refresh();
    if (const std::optional<std::size_t> start = look_ahead(at_, token)) {
      awake_ = std::make_unique<StrictFilter>(read_from(*start, token), vocabulary_);
      text_.clear();
      tokens_.clear();
      return;
    }
    tokens_.push_back({offset_ + text_.size(), token});
    text_ += vocabulary_->text(token);
    if (text_.size() > 2 * kKeptText) forget();
  }

  std::string forced_text() const override { return awake_ ? awake_->forced_text() : ""; }
  std::vector<TokenId> forced() override {
    return awake_ ? awake_->forced() : std::vector<TokenId>();
  }
  std::unique_ptr<Filter> clone() const override { return std::make_unique<LazyFilter>(*this); }

 private:
  struct Written {
    std::size_t offset;
    TokenId token;
  };

  /// Where the grammar begins if `token` comes next.
  std::optional<std::size_t> look_ahead(TriggerSearch::Place& at, TokenId token) {
    const std::size_t size = text_.size();
    if (!at.is_thinking && search_->is_token_trigger(token)) return offset_ + size;
    text_ += vocabulary_->text(token);
    const auto start = search_->read(at, text_, offset_, size);
    text_.resize(size);
    return start;
  }

  /// Calls `visit` with the tokens whose text lets the grammar begin, and where it then begins.
  /// What tokens have in common is read once; patterns see every token.
  template <class Visit>
  void for_triggers(Visit visit) const {
    const auto nodes = vocabulary_->nodes();
    const std::size_t end = offset_ + text_.size();
    std::string text = text_;  // and a token, for patterns
    std::vector<TriggerSearch::Place> places(static_cast<std::size_t>(vocabulary_->longest()) + 1);
    places[0] = at_;
    for (std::uint32_t i = 1; i < vocabulary_->node_count();) {
      const Vocabulary::Node& at = nodes[i];
      TriggerSearch::Place& place = places[at.depth] = places[at.depth - 1];
      std::optional<std::size_t> start;
      if (!search_->passes(place, at.byte)) {
        const char byte = static_cast<char>(at.byte);
        start = search_->read_words(place, {&byte, 1}, end + at.depth - 1, 0);
      }
      const std::uint32_t next = start ? at.end : i + 1;
      const std::uint32_t last = nodes[next].first_rank;
      if (!start && last > at.first_rank && search_->has_patterns()) {
        text.resize(text_.size());
        text += vocabulary_->text(vocabulary_->token(at.first_rank));
        start = search_->match_patterns(place, text, offset_);
      }
      for (std::uint32_t rank = at.first_rank; start && rank < last; ++rank) {
        visit(vocabulary_->token(rank), *start);
      }
      i = next;
    }
  }

  /// The grammar behind the text from `start` on and `token`: whole tokens by text or id, the rest
  /// of one in which it begins by text.
  Place read_from(std::size_t start, TokenId token) const {
    Place place = begin_;
    start = std::max(start, offset_);
    const std::size_t token_at = offset_ + text_.size();
    auto next = std::lower_bound(
        tokens_.begin(), tokens_.end(), start,
        [](const Written& written, std::size_t offset) { return written.offset < offset; });
    const std::size_t whole = next == tokens_.end() ? token_at : next->offset;
    if (start < whole) place.feed(std::string_view(text_).substr(start - offset_, whole - start));
    for (; next != tokens_.end() && !place.is_dead(); ++next) {
      place.step_token(next->token, vocabulary_->text(next->token));
    }
    const std::string_view text = vocabulary_->text(token);
    if (place.is_dead()) return place;
    if (start > token_at) {
      place.feed(text.substr(start - token_at));
    } else {
      place.step_token(token, text);
    }
    return place;
  }

  void forget() {
    const std::size_t dropped = text_.size() - kKeptText;
    text_.erase(0, dropped);
    offset_ += dropped;
    std::erase_if(tokens_, [this](const Written& written) { return written.offset < offset_; });
  }

  Place begin_;
  std::shared_ptr<const TriggerSearch> search_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  TriggerSearch::Place at_;
  std::string text_;        // the latest part of the free text
  std::size_t offset_ = 0;  // where it begins in the whole
  std::vector<Written> tokens_;
  std::unique_ptr<Filter> awake_;
};

}  // namespace

std::unique_ptr<Filter> make_filter(const Constraint& constraint,
                                    std::shared_ptr<const Vocabulary> vocabulary) {
  Place place(constraint.grammar, vocabulary->id());
  if (place.feed(constraint.already_read) != constraint.already_read.size()) {
    throw GrammarError("the grammar does not go on from what the prompt ends with");
  }
  if (!constraint.lazy) return std::make_unique<StrictFilter>(std::move(place), vocabulary);
  auto search = std::make_shared<const TriggerSearch>(constraint.triggers, constraint.thinking);
  return std::make_unique<LazyFilter>(std::move(place), std::move(search), std::move(vocabulary));
}

}  // namespace llm::grammar
