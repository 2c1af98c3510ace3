// One sequence's reply, put together from the engine's events. Knows no wire format; every format
// prints from it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace llm::server {

/// A token with its probabilities, for `logprobs` and `completion_probabilities`.
struct ScoredToken {
  TokenId token;
  std::string bytes;  // what became readable with this token; earlier parts of its character too
  float log_probability;
  std::vector<TokenProbability> top;
};

/// What a stream sends for one token, or for text that was withheld until the end.
struct Chunk {
  int index = 0;
  TokenId token = kNoToken;  // none: withheld text
  std::string text;
  std::optional<ScoredToken> scored;
  int predicted_tokens = 0;
  Timings timings;
};

class SequenceReply {
 public:
  struct Setup {
    int index = 0;
    std::vector<TokenId> prompt;
    bool wants_scores = false;
    bool show_special = false;
    std::shared_ptr<const std::vector<TokenId>> shown_tokens;  // as the engine's request
  };
  SequenceReply(const Tokenizer& tokenizer, Setup setup);

  /// Nothing while the text ends inside a character.
  std::optional<Chunk> add(TokenEvent&& event);
  /// The text that was withheld because a stop string might have begun, if it belongs to the reply.
  std::optional<Chunk> finish(EndEvent&& event);

  int index() const { return setup_.index; }
  const std::vector<TokenId>& prompt() const { return setup_.prompt; }
  const std::string& text() const { return text_; }
  const std::vector<TokenId>& tokens() const { return tokens_; }
  const std::vector<ScoredToken>& scores() const { return scores_; }
  bool is_finished() const { return is_finished_; }
  const EndEvent& end() const { return end_; }
  const Timings& timings() const { return end_.timings; }

 private:
  bool is_shown(TokenId token) const;
  void drop_scores_of_stop_string();

  const Tokenizer* tokenizer_;
  Setup setup_;
  std::string pending_;  // bytes of tokens since the last whole character
  std::string text_;
  std::vector<TokenId> tokens_;
  std::vector<ScoredToken> scores_;
  bool is_finished_ = false;
  EndEvent end_;
};

}  // namespace llm::server
