#include "sampling/infill.h"

#include <cstdint>
#include <string>
#include <vector>

#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

// Prefixes are compared pairwise. Beyond the most probable 256 no candidate could get near the 0.2
// that it needs to stay.
constexpr std::size_t kMaxCompared = 256;
constexpr float kMinShare = 0.2f;

struct Text {
  std::string bytes;
  bool ends = false;  // end-of-generation token
};

std::vector<Text> texts_of(const Candidates& candidates, const SamplerVocabulary& vocabulary) {
  std::vector<Text> texts;
  for (const Candidate& item : candidates.items())
    texts.push_back({vocabulary.piece(item.token), vocabulary.is_end_of_generation(item.token)});
  return texts;
}

/// Where one text begins another, the likelier candidate takes the probability of both.
void unite_prefixes(std::vector<Candidate>& items, const std::vector<Text>& texts) {
  for (std::size_t a = 0; a < items.size(); ++a) {
    for (std::size_t b = 0; b < items.size() && items[a].p > 0; ++b) {
      if (a == b || items[b].p == 0 || texts[a].bytes.empty()) continue;
      if (!texts[b].bytes.starts_with(texts[a].bytes)) continue;
      const bool second_wins = items[b].p > items[a].p;
      Candidate& to = items[second_wins ? b : a];
      Candidate& from = items[second_wins ? a : b];
      to.p += from.p;
      from.p = 0;
    }
  }
}

/// Drops text candidates below `limit`, rescales p to sum 1 and makes logits of them. Returns how
/// many text candidates are left.
std::size_t keep_likely(Candidates& candidates, std::vector<Text>& texts, float limit) {
  std::vector<Text> kept_texts;
  std::size_t text_count = 0;
  float sum = 0;
  candidates.filter([&](const Candidate& c, std::size_t i) {
    if (c.p == 0 || (!texts[i].ends && c.p < limit)) return false;
    text_count += texts[i].ends ? 0 : 1;
    sum += c.p;
    kept_texts.push_back(std::move(texts[i]));
    return true;
  });
  texts = std::move(kept_texts);
  candidates.drop_hidden();
  if (sum > 0)
    for (Candidate& item : candidates.items()) {
      item.p /= sum;
      item.logit = static_cast<float>(log_f64(item.p));
    }
  candidates.mark_unsorted();
  return text_count;
}

}  // namespace

void infill(Candidates& candidates, const SamplerVocabulary& vocabulary) {
  const auto count = static_cast<float>(candidates.count());
  if (count > kMaxCompared) candidates.keep_best(kMaxCompared);
  candidates.softmax();
  std::vector<Text> texts = texts_of(candidates, vocabulary);
  float end_sum = 0, text_sum = 0;
  for (std::size_t i = 0; i < texts.size(); ++i)
    (texts[i].ends ? end_sum : text_sum) += candidates.items()[i].p;

  if (3 * end_sum * count > text_sum) {
    keep_likely(candidates, texts, 2.0f);  // no text is that likely: only ends stay
    return;
  }
  unite_prefixes(candidates.items(), texts);
  const std::size_t left = keep_likely(candidates, texts, kMinShare);
  if (left == 0) {
    candidates.keep_only({vocabulary.end_of_text(), 0.0f, 1.0f});
    return;
  }
  keep_likely(candidates, texts, 1.0f / static_cast<float>(left + 1));
}

}  // namespace llm::sampling
