#include "server/request/reasoning_budget.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/utf8.h"

namespace llm::server {
namespace {

/// White space around a tag is the template's layout, which models do not always keep.
std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) + 1 - first));
}

class BudgetFilter final : public TokenFilter {
 public:
  BudgetFilter(const ReasoningLimit& limit, const Tokenizer& tokenizer,
               std::unique_ptr<TokenFilter> inner)
      : tokenizer_(tokenizer),
        inner_(std::move(inner)),
        control_(limit.control),
        budget_(limit.budget),
        start_(trimmed(limit.tags.start)) {
    for (const std::string& end : limit.tags.ends) {
      if (std::string tag = trimmed(end); !tag.empty()) ends_.push_back(std::move(tag));
    }
    forced_ = tokenizer.encode(limit.message + limit.tags.ends.front(),
                               {.add_special = false, .parse_special = true});
    longest_ = start_.size();
    for (const std::string& end : ends_) longest_ = std::max(longest_, end.size());
    if (limit.tags.is_open) begin_counting();
    consider_forcing();
  }

  bool allows(TokenId token) override {
    if (is_forcing()) return token == forced_[next_];
    return !inner_ || inner_->allows(token);
  }

  void mask(std::span<float> logits) override {
    if (!is_forcing()) {
      if (inner_) inner_->mask(logits);
      return;
    }
    const auto token = static_cast<std::size_t>(forced_[next_]);
    const float kept = token < logits.size() && std::isfinite(logits[token]) ? logits[token] : 0;
    std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
    if (token < logits.size()) logits[token] = kept;
  }

  void accept(TokenId token) override {
    if (inner_) inner_->accept(token);
    if (state_ == State::forcing) {
      if (++next_ == forced_.size()) rest();
      return;
    }
    if (state_ == State::counting) ++used_;
    text_ += tokenizer_.piece(token, /*show_special=*/true);
    look_for_tags();
    consider_forcing();
  }

 private:
  enum class State { idle, counting, forcing };

  void begin_counting() {
    state_ = State::counting;
    used_ = 0;
    asked_before_ = control_ ? control_->requests() : 0;
  }
  void rest() {
    state_ = State::idle;
    text_.clear();
  }

  void look_for_tags() {
    for (;;) {
      if (state_ == State::idle) {
        const std::size_t at = start_.empty() ? text_.npos : text_.find(start_);
        if (at == text_.npos) break;
        text_.erase(0, at + start_.size());
        begin_counting();
      } else {
        const std::size_t behind = behind_end();
        if (behind == text_.npos) break;
        text_.erase(0, behind);
        state_ = State::idle;
      }
    }
    // What a tag can still begin in, and never less than a whole character.
    const std::size_t kept = std::max<std::size_t>(longest_, 4);
    if (text_.size() > kept) text_.erase(0, text_.size() - kept);
  }

  /// The place behind the first end tag.
  std::size_t behind_end() const {
    std::size_t first = text_.npos, behind = text_.npos;
    for (const std::string& end : ends_) {
      const std::size_t at = text_.find(end);
      if (at < first) first = at, behind = at + end.size();
    }
    return behind;
  }

  void consider_forcing() {
    if (state_ != State::counting) return;
    const bool is_spent = budget_ >= 0 && used_ >= budget_;
    const bool is_asked = control_ && control_->requests() != asked_before_;
    if ((!is_spent && !is_asked) || utf8::incomplete_tail(text_) > 0 || forced_.empty()) return;
    state_ = State::forcing;
    next_ = 0;
  }

  bool is_forcing() {
    consider_forcing();  // the switch may have been set since the last token
    if (state_ != State::forcing) return false;
    if (!inner_ || inner_->allows(forced_[next_])) return true;
    rest();  // a grammar that knows no thoughts rules
    return false;
  }

  const Tokenizer& tokenizer_;
  std::unique_ptr<TokenFilter> inner_;
  std::shared_ptr<const ReasoningSwitch> control_;
  int budget_;
  std::string start_;
  std::vector<std::string> ends_;
  std::vector<TokenId> forced_;
  std::size_t longest_ = 0;

  State state_ = State::idle;
  std::string text_;  // the last characters
  int used_ = 0;
  int asked_before_ = 0;
  std::size_t next_ = 0;  // in forced_
};

}  // namespace

std::unique_ptr<TokenFilter> limit_reasoning(const ReasoningLimit& limit,
                                             const Tokenizer& tokenizer,
                                             std::unique_ptr<TokenFilter> inner) {
  if (!limit.is_active()) return inner;
  return std::make_unique<BudgetFilter>(limit, tokenizer, std::move(inner));
}

}  // namespace llm::server
