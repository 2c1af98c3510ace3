#include "router/conversations.h"

namespace llm::router {

void Conversations::remember(const std::string& conversation, const std::string& model) {
  const std::lock_guard lock(mutex_);
  if (models_.insert_or_assign(conversation, model).second) order_.push_back(conversation);
  if (order_.size() <= kMost) return;
  models_.erase(order_.front());
  order_.pop_front();
}

std::string Conversations::model_of(const std::string& conversation) const {
  const std::lock_guard lock(mutex_);
  for (const auto& name : {conversation, conversation.substr(0, conversation.find("::"))})
    if (const auto found = models_.find(name); found != models_.end()) return found->second;
  return {};
}

}  // namespace llm::router
