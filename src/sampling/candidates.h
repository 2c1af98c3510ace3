// The tokens that may still be chosen in a step, and the operations that samplers are made of.
//
// A step starts "dense": the logits of the whole vocabulary, untouched but for a few edited values.
// Truncating samplers pick the few survivors out of it into a list; no sampler sorts or copies the
// vocabulary unless it really needs all of it. Candidates whose probability is 0 are dropped from
// the list but still counted, because dynamic temperature depends on the count.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "base/token.h"

namespace llm::sampling {

struct Candidate {
  TokenId token;
  float logit;
  float p;  // valid after softmax() and until logits change
};

/// The order of "sorted": falling logit; equal logits by token, so that it is the same everywhere.
inline bool better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

/// Memory is kept between steps.
class Candidates {
 public:
  /// `logits` must stay valid and is edited by edit() until restore().
  void begin(std::span<float> logits);
  /// Undoes every edit() of this step: the logits are the model's again.
  void restore();

  /// True while the candidates are the whole vocabulary, with a finite maximum. Infinite maxima and
  /// vocabularies without any candidate become a list here.
  bool dense();
  /// No candidate at all (every logit -inf or NaN); the list then holds token 0.
  bool exhausted() const { return exhausted_; }
  /// Including those of probability 0.
  std::size_t count() const { return is_list_ ? items_.size() + hidden_ : logits_.size(); }

  // While the vocabulary is whole (before the first truncation, whatever dense() says):
  bool is_whole() const { return !is_list_; }
  std::span<const float> logits() const { return logits_; }  // divide by divisor()
  void edit(TokenId token, float logit);                     // only while divisor() is 1
  float divisor() const { return divisor_; }
  // Need dense():
  float dense_max() const { return max_; }  // raw
  std::span<const float> maxima() const { return maxima_; }
  /// sum of exp((z - max) / divisor), and per group.
  double dense_exp_sum();
  std::span<const double> group_sums() const { return sums_; }
  void divide(float divisor);
  /// Becomes the list of logits >= threshold (raw, before the divisor) in token order.
  void gather(float threshold);
  /// The same without changing state: appends to `out`.
  void collect(float threshold, std::vector<Candidate>& out) const;
  /// Becomes the list of all candidates that are not impossible.
  void make_list();

  // The list; not empty. Needs !dense() (call make_list() to be sure).
  std::vector<Candidate>& items() { return items_; }
  const std::vector<Candidate>& items() const { return items_; }
  bool sorted() const { return sorted_; }
  void sort();
  /// Keeps the `count` best, sorted; both forms.
  void keep_best(std::size_t count);
  /// Keeps the first `size` items (at least one) and nothing else.
  void shrink(std::size_t size);
  void keep_only(Candidate candidate);
  /// Drops items for which keep(item, index) is false. The order stays; at least one item stays.
  template <class Keep>
  void filter(Keep keep) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (keep(items_[i], i)) items_[kept++] = items_[i];
    items_.resize(kept > 0 ? kept : 1);
  }
  /// The same, but what goes still counts: its probability becomes 0.
  template <class Keep>
  void hide_unless(Keep keep) {
    const std::size_t all = count();
    filter(keep);
    hidden_ = all - items_.size();
  }
  /// Candidates of probability 0 do not count any more.
  void drop_hidden() { hidden_ = 0; }
  /// -inf for a token that is no candidate; both forms.
  float logit_of(TokenId token) const;
  void mark_unsorted() { sorted_ = false; }
  /// The `count` best, sorted, without changing anything.
  void best(std::size_t count, std::vector<Candidate>& out);
  /// After logits of items were changed: drops impossible ones, keeps only infinite ones if any.
  void logits_changed();
  /// Fills p. Returns the sum of exp(z - max).
  double softmax();

 private:
  void become_list();
  void find_maxima();
  /// A threshold that at least `count` logits reach (if there are so many) and not many more.
  float threshold_for(std::size_t count);

  std::span<float> logits_;
  std::vector<std::pair<TokenId, float>> undo_;
  std::vector<float> maxima_, ranking_;
  std::vector<double> sums_;
  std::vector<Candidate> items_;
  std::size_t hidden_ = 0;
  float max_ = 0, divisor_ = 1;
  bool is_list_ = false, has_maxima_ = false, has_sums_ = false, sorted_ = false;
  bool exhausted_ = false;
  double exp_sum_ = 0;
};

}  // namespace llm::sampling
