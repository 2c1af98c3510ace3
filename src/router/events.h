// What happens to models, told to everyone who listens (/models/sse). Internal to the room.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/http.h"

namespace llm::router {

/// Any thread.
class Events {
 public:
  /// Ready pieces of a stream from now on. Closed by close(), and for a listener that is thousands
  /// of events late.
  http::Channel<std::string> subscribe(http::Exchange& exchange);
  /// {"model":...,"event":...,"data":...}; without data when it is null.
  void publish(const std::string& model, const char* event, const Json& data = nullptr);
  /// Ends all streams, also later ones.
  void close();

 private:
  std::mutex mutex_;
  std::vector<http::Channel<std::string>> listeners_;
  bool is_closed_ = false;
};

/// JSON as text; bytes that are no UTF-8 are replaced.
std::string dump(const Json& json);

}  // namespace llm::router
