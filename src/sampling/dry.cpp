#include "sampling/dry.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

constexpr double kLargestExponent = 88.7228391;  // ln of the largest f32

struct FirstToken {
  bool operator()(const std::vector<TokenId>& a, TokenId b) const { return a.front() < b; }
  bool operator()(TokenId a, const std::vector<TokenId>& b) const { return a < b.front(); }
};

}  // namespace

Dry::Dry(Params params) : params_(std::move(params)), window_(params_.last_n) {
  std::erase_if(params_.breakers, [](const auto& breaker) { return breaker.empty(); });
  std::sort(params_.breakers.begin(), params_.breakers.end());
  max_exponent_ = params_.base > 1.000001f
                      ? static_cast<int>(kLargestExponent / log_f64(params_.base))
                      : std::numeric_limits<int>::max();
}

bool Dry::is_single_token_breaker(TokenId token) const {
  // Sorted: the sequence of just this token comes before all longer ones.
  const auto found =
      std::lower_bound(params_.breakers.begin(), params_.breakers.end(), token, FirstToken{});
  return found != params_.breakers.end() && found->size() == 1 && found->front() == token;
}

std::size_t Dry::usable_length(std::span<const TokenId> window) const {
  for (std::size_t back = 0; back < window.size(); ++back) {
    const std::size_t at = window.size() - 1 - back;
    const auto [first, last] = std::equal_range(params_.breakers.begin(), params_.breakers.end(),
                                                window[at], FirstToken{});
    std::size_t longest = 0;
    for (auto breaker = first; breaker != last; ++breaker)
      if (breaker->size() <= back + 1 && breaker->size() > longest &&
          std::equal(breaker->begin(), breaker->end(), window.begin() + at))
        longest = breaker->size();
    if (longest > 0) return back + 1 - longest;
  }
  return window.size();
}

void Dry::find_repeats(std::span<const TokenId> window, std::size_t usable) {
  // Z function of the reversed window: suffix_[i] = length of the common suffix of the window and
  // of the window without its last i tokens.
  const int n = static_cast<int>(window.size());
  const auto reversed = [&](int i) { return window[n - 1 - i]; };
  suffix_.assign(n, 0);
  repeats_.clear();
  for (int i = 1, left = 0, right = 0; i < n; ++i) {
    int length = i < right ? std::min(right - i, suffix_[i - left]) : 0;
    while (i + length < n && reversed(length) == reversed(i + length)) ++length;
    suffix_[i] = length;
    if (i + length > right) left = i, right = i + length;
    const int repeated = std::min(length, static_cast<int>(usable));
    const TokenId next = reversed(i - 1);
    if (repeated >= params_.allowed_length && !is_single_token_breaker(next))
      repeats_.emplace_back(next, repeated);
  }
  // Longest first within a token, then only the first stays.
  std::sort(repeats_.begin(), repeats_.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
  const auto same_token = [](const auto& a, const auto& b) { return a.first == b.first; };
  repeats_.erase(std::unique(repeats_.begin(), repeats_.end(), same_token), repeats_.end());
}

float Dry::penalty(int length) const {
  const int exponent = std::min(length - params_.allowed_length, max_exponent_);
  return static_cast<float>(params_.multiplier * pow_f64(params_.base, exponent));
}

void Dry::apply(Candidates& candidates) {
  const auto window = window_.tokens();
  if (static_cast<int>(window.size()) <= params_.allowed_length) return;
  const std::size_t usable = usable_length(window);
  if (static_cast<int>(usable) < params_.allowed_length) return;
  find_repeats(window, usable);
  if (repeats_.empty()) return;

  if (candidates.is_whole() && candidates.divisor() == 1) {
    const auto logits = candidates.logits();
    for (const auto& [token, length] : repeats_)
      if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
        candidates.edit(token, logits[token] - penalty(length));
    return;
  }
  candidates.make_list();
  for (Candidate& item : candidates.items()) {
    const auto found =
        std::lower_bound(repeats_.begin(), repeats_.end(), item.token,
                         [](const auto& repeat, TokenId token) { return repeat.first < token; });
    if (found != repeats_.end() && found->first == item.token) item.logit -= penalty(found->second);
  }
  candidates.logits_changed();
}

}  // namespace llm::sampling
