// What the white-space alternatives at the end of most expressions match.
#pragma once

#include "tokenizer/split/segment.h"

namespace llm::split {

/// \s*[\r\n]+ : everything up to the last newline of the run. \s*[\r\n] matches the same.
/// \s+(?!\S) : the run without its last character where something follows.
/// A run is looked through once, even when it is matched in many parts.
class WhiteSpace {
 public:
  explicit WhiteSpace(const Segment& segment) : segment_(&segment) {}

  /// Both alternatives give `pos` when they do not match. `pos` is at white space.
  std::size_t to_last_newline(std::size_t pos) {
    look(pos);
    return newline_end_ > pos ? newline_end_ : pos;
  }
  std::size_t not_before_word(std::size_t pos) {
    look(pos);
    if (end_ == segment_->end) return end_;
    return last_ > pos ? last_ : pos;
  }
  std::size_t run_end(std::size_t pos) {
    look(pos);
    return end_;
  }

 private:
  void look(std::size_t pos) {
    if (pos >= begin_ && pos < end_) return;
    begin_ = end_ = last_ = newline_end_ = pos;
    for (Char c = segment_->at(pos); c.is(kSpace); c = segment_->at(end_)) {
      last_ = end_;
      end_ += c.length;
      if (c.is(kNewline)) newline_end_ = end_;
    }
  }

  const Segment* segment_;
  std::size_t begin_ = 1, end_ = 0;  // the run looked through last; empty at first
  std::size_t last_ = 0;             // its last character
  std::size_t newline_end_ = 0;      // behind its last newline
};

}  // namespace llm::split
