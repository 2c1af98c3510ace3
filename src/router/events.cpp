#include "router/events.h"

namespace llm::router {

namespace {
constexpr std::size_t kMaxLate = 4096;
}

http::Channel<std::string> Events::subscribe(http::Exchange& exchange) {
  http::Channel<std::string> channel(exchange, kMaxLate);
  const std::lock_guard lock(mutex_);
  if (is_closed_)
    channel.close();
  else
    listeners_.push_back(channel);
  return channel;
}

void Events::publish(const std::string& model, const char* event, const Json& data) {
  Json json = {{"model", model}, {"event", event}};
  if (!data.is_null()) json["data"] = data;
  const std::string text = "data: " + dump(json) + "\n\n";
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [](const auto& listener) { return listener.closed(); });
  for (auto& listener : listeners_) listener.push(text);
}

void Events::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  for (auto& listener : listeners_) listener.close();
  listeners_.clear();
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace llm::router
