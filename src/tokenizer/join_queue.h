// Candidates of the merging loop for long texts: best priority first, the leftmost among equals.
//
// One queue per priority: a text's candidates of one priority are found mostly from left to right,
// so that they need no sorting. A single heap of all candidates costs ten times as much on long
// runs of one character.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace llm {

/// A pair of symbols that may be joined. Smaller priorities go first.
struct Join {
  static constexpr std::uint32_t kNever = 0xFFFFFFFF;
  std::uint32_t priority = kNever;
  std::int32_t result = -1;  // the id of the joined symbol
  bool possible() const { return priority != kNever; }
};

struct JoinCandidate {
  std::int32_t result;
  std::uint32_t left, right;  // positions of the symbols
  std::uint32_t length;       // of both together
};

class JoinQueue {
 public:
  void clear();
  void push(std::uint32_t priority, const JoinCandidate& candidate);
  /// False when there is none.
  bool pop(JoinCandidate& candidate);

 private:
  struct Queue {
    std::vector<JoinCandidate> ascending;  // from `head` on
    std::size_t head = 0;
    std::vector<JoinCandidate> others;  // a heap, leftmost on top
    bool empty() const { return head == ascending.size() && others.empty(); }
  };
  static JoinCandidate take_leftmost(Queue& queue);

  std::unordered_map<std::uint32_t, std::uint32_t> queue_of_;  // priority -> index
  std::vector<Queue> queues_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> waiting_;  // heap of (priority, queue)
};

}  // namespace llm
