// How many HTTP requests there were, and how long they took.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/histogram.h"
#include "http/http.h"
#include "server/observe/exposition.h"

namespace llm::server {

/// Safe to use from every thread.
class RequestMetrics {
 public:
  void count(const http::Answered& answered);
  void write(Exposition& out) const;

 private:
  struct Endpoint {
    Endpoint();
    std::map<int, std::int64_t> by_status;
    Histogram seconds;
  };
  /// By method and pattern of the route, so that clients cannot make more of them.
  std::map<std::pair<std::string, std::string>, Endpoint> endpoints_;
  mutable std::mutex mutex_;
};

}  // namespace llm::server
