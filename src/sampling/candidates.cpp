#include "sampling/candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "sampling/dense.h"
#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr float kMinFinite = std::numeric_limits<float>::lowest();

/// The `count` best come first, in any order; count < items.size().
void take_best(std::vector<Candidate>& items, std::size_t count) {
  std::nth_element(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(count), items.end(),
                   better);
}

}  // namespace

void Candidates::begin(std::span<float> logits) {
  logits_ = logits;
  undo_.clear();
  items_.clear();
  hidden_ = 0;
  divisor_ = 1;
  is_list_ = has_maxima_ = has_sums_ = sorted_ = exhausted_ = false;
}

void Candidates::restore() {
  for (auto edit = undo_.rbegin(); edit != undo_.rend(); ++edit)
    logits_[edit->first] = edit->second;
  undo_.clear();
}

void Candidates::edit(TokenId token, float logit) {
  undo_.emplace_back(token, logits_[token]);
  logits_[token] = logit;
  has_maxima_ = has_sums_ = false;
}

bool Candidates::dense() {
  if (is_list_) return false;
  if (!has_maxima_) find_maxima();
  return !is_list_;
}

void Candidates::find_maxima() {
  maxima_.resize(group_count(logits_.size()));
  max_ = group_maxima(logits_, maxima_);
  has_maxima_ = true;
  if (std::isfinite(max_) && std::isfinite(max_ / divisor_)) return;
  become_list();
  if (max_ == kLowest) {
    exhausted_ = true;
    items_.push_back({0, 0.0f, 1.0f});
  } else {
    collect(max_, items_);
    for (Candidate& item : items_) item.logit = 0;
  }
  hidden_ = logits_.size() - items_.size();
  divisor_ = 1;
}

double Candidates::dense_exp_sum() {
  if (!has_sums_) {
    sums_.resize(maxima_.size());
    exp_sum_ = group_exp_sums(logits_, max_, divisor_, sums_);
    has_sums_ = true;
  }
  return exp_sum_;
}

void Candidates::divide(float divisor) {
  divisor_ *= divisor;
  has_sums_ = false;
  if (!std::isfinite(max_ / divisor_)) has_maxima_ = false;  // dense() sees to it
}

void Candidates::collect(float threshold, std::vector<Candidate>& out) const {
  for (std::size_t group = 0; group < maxima_.size(); ++group) {
    if (!(maxima_[group] >= threshold)) continue;
    const std::size_t end = std::min((group + 1) * kGroup, logits_.size());
    for (std::size_t i = group * kGroup; i < end; ++i)
      if (logits_[i] >= threshold)
        out.push_back({static_cast<TokenId>(i), logits_[i] / divisor_, 0.0f});
  }
}

void Candidates::become_list() {
  is_list_ = true;
  items_.clear();
  sorted_ = false;
}

void Candidates::gather(float threshold) {
  become_list();
  collect(std::max(threshold, kMinFinite), items_);
  hidden_ = logits_.size() - items_.size();
  divisor_ = 1;
}

void Candidates::make_list() {
  if (dense()) gather(kMinFinite);
}

void Candidates::sort() {
  if (!sorted_) std::sort(items_.begin(), items_.end(), better);
  sorted_ = true;
}

float Candidates::threshold_for(std::size_t count) {
  // The count-th largest group maximum: at least `count` groups hold a logit that reaches it.
  if (count >= maxima_.size()) return kMinFinite;
  ranking_.assign(maxima_.begin(), maxima_.end());
  const auto nth = ranking_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(ranking_.begin(), nth, ranking_.end(), std::greater<float>());
  return std::max(*nth, kMinFinite);
}

void Candidates::keep_best(std::size_t count) {
  count = std::max<std::size_t>(count, 1);
  if (count >= this->count()) return;
  if (dense()) gather(threshold_for(count));
  if (items_.size() > count) {
    if (!sorted_) take_best(items_, count);
    items_.resize(count);
  }
  hidden_ = count - items_.size();
  sort();
}

void Candidates::best(std::size_t count, std::vector<Candidate>& out) {
  out.clear();
  if (count == 0) return;
  if (dense())
    collect(threshold_for(count), out);
  else
    out = items_;
  if (out.size() > count) {
    take_best(out, count);
    out.resize(count);
  }
  std::sort(out.begin(), out.end(), better);
}

float Candidates::logit_of(TokenId token) const {
  if (!is_list_) return logits_[token] / divisor_;
  for (const Candidate& item : items_)
    if (item.token == token) return item.logit;
  return kLowest;
}

void Candidates::shrink(std::size_t size) {
  items_.resize(std::max<std::size_t>(size, 1));
  drop_hidden();
}

void Candidates::keep_only(Candidate candidate) {
  become_list();
  items_.push_back(candidate);
  hidden_ = 0;
  divisor_ = 1;
  sorted_ = true;
}

void Candidates::logits_changed() {
  sorted_ = false;
  const std::size_t before = items_.size();
  const bool infinite = std::any_of(items_.begin(), items_.end(), [](const Candidate& c) {
    return c.logit == std::numeric_limits<float>::infinity();
  });
  const Candidate first = items_.front();
  std::erase_if(items_, [&](const Candidate& c) {
    return infinite ? !(c.logit > std::numeric_limits<float>::max()) : !(c.logit >= kMinFinite);
  });
  if (infinite)
    for (Candidate& item : items_) item.logit = 0;
  if (items_.empty()) items_.push_back({first.token, 0.0f, 1.0f});
  hidden_ += before - items_.size();
}

double Candidates::softmax() {
  make_list();
  float max = items_.front().logit;
  if (!sorted_)
    for (const Candidate& item : items_) max = std::max(max, item.logit);
  double sum = 0;
  std::array<float, kGroup> z;
  for (std::size_t first = 0; first < items_.size(); first += kGroup) {
    const std::size_t n = std::min(kGroup, items_.size() - first);
    for (std::size_t i = 0; i < n; ++i) z[i] = items_[first + i].logit;
    sum += exp_in_place(z, n, max);
    for (std::size_t i = 0; i < n; ++i) items_[first + i].p = z[i];
  }
  const double scale = 1 / sum;
  for (Candidate& item : items_) item.p = static_cast<float>(item.p * scale);
  return sum;
}

}  // namespace llm::sampling
