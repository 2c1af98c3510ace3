#include "tokenizer/join_queue.h"

#include <algorithm>
#include <functional>

namespace llm {
namespace {

bool is_right_of(const JoinCandidate& a, const JoinCandidate& b) {
  return a.left > b.left;
}

}  // namespace

void JoinQueue::clear() {
  queue_of_.clear();
  queues_.clear();
  waiting_.clear();
}

void JoinQueue::push(std::uint32_t priority, const JoinCandidate& candidate) {
  const auto [found, is_new] =
      queue_of_.try_emplace(priority, static_cast<std::uint32_t>(queues_.size()));
  if (is_new) queues_.emplace_back();
  Queue& queue = queues_[found->second];
  if (queue.empty()) {
    waiting_.emplace_back(priority, found->second);
    std::push_heap(waiting_.begin(), waiting_.end(), std::greater<>());
  }
  if (queue.head == queue.ascending.size() || !is_right_of(queue.ascending.back(), candidate)) {
    queue.ascending.push_back(candidate);
  } else {
    queue.others.push_back(candidate);
    std::push_heap(queue.others.begin(), queue.others.end(), is_right_of);
  }
}

JoinCandidate JoinQueue::take_leftmost(Queue& queue) {
  const bool from_others =
      !queue.others.empty() && (queue.head == queue.ascending.size() ||
                                is_right_of(queue.ascending[queue.head], queue.others.front()));
  if (!from_others) {
    const JoinCandidate taken = queue.ascending[queue.head++];
    if (queue.head == queue.ascending.size()) {
      queue.ascending.clear();
      queue.head = 0;
    }
    return taken;
  }
  std::pop_heap(queue.others.begin(), queue.others.end(), is_right_of);
  const JoinCandidate taken = queue.others.back();
  queue.others.pop_back();
  return taken;
}

bool JoinQueue::pop(JoinCandidate& candidate) {
  if (waiting_.empty()) return false;
  Queue& queue = queues_[waiting_.front().second];
  candidate = take_leftmost(queue);
  if (queue.empty()) {
    std::pop_heap(waiting_.begin(), waiting_.end(), std::greater<>());
    waiting_.pop_back();
  }
  return true;
}

}  // namespace llm
