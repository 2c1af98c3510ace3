// Which model streams a conversation that can be taken up again. Internal to the room.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

namespace llm::router {

/// The last few thousand. Any thread.
class Conversations {
 public:
  void remember(const std::string& conversation, const std::string& model);
  /// Empty when it is not known. "ID::MODEL" names the conversation ID, too.
  std::string model_of(const std::string& conversation) const;

 private:
  static constexpr std::size_t kMost = 4096;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string> models_;
  std::deque<std::string> order_;  // oldest first
};

}  // namespace llm::router
