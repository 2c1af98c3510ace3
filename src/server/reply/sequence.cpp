#include "server/reply/sequence.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace llm::server {

SequenceReply::SequenceReply(const Tokenizer& tokenizer, Setup setup)
    : tokenizer_(&tokenizer), setup_(std::move(setup)) {}

std::optional<Chunk> SequenceReply::add(TokenEvent&& event) {
  tokens_.push_back(event.token);
  pending_ += tokenizer_->piece(event.token, is_shown(event.token));
  text_ += event.text;
  end_.timings = event.timings;  // until the end brings its own
  const std::size_t tail = utf8::incomplete_tail(pending_);
  if (tail > 0 && event.text.empty()) return std::nullopt;

  Chunk chunk{.index = setup_.index,
              .token = event.token,
              .text = std::move(event.text),
              .predicted_tokens = event.predicted_tokens,
              .timings = event.timings};
  if (setup_.wants_scores) {
    ScoredToken scored{event.token, pending_.substr(0, pending_.size() - tail),
                       event.sampled.log_probability, std::move(event.sampled.top)};
    scores_.push_back(scored);
    chunk.scored = std::move(scored);
  }
  pending_.erase(0, pending_.size() - tail);
  return chunk;
}

std::optional<Chunk> SequenceReply::finish(EndEvent&& event) {
  text_ += event.text;
  is_finished_ = true;
  end_ = std::move(event);
  if (end_.stop == StopType::word) drop_scores_of_stop_string();
  if (end_.text.empty()) return std::nullopt;
  return Chunk{.index = setup_.index,
               .text = end_.text,
               .predicted_tokens = end_.timings.predicted_tokens,
               .timings = end_.timings};
}

bool SequenceReply::is_shown(TokenId token) const {
  const auto& shown = setup_.shown_tokens;
  return setup_.show_special || (shown && std::binary_search(shown->begin(), shown->end(), token));
}

void SequenceReply::drop_scores_of_stop_string() {
  if (scores_.empty()) return;
  const std::size_t count = tokenizer_->encode(end_.stopping_word, {}).size();
  scores_.resize(scores_.size() - std::min(count, scores_.size()));
}

}  // namespace llm::server
