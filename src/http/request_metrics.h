// How many HTTP requests there were, and how long they took.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "base/exposition.h"
#include "base/histogram.h"
#include "http/http.h"

namespace llm::http {

/// Safe to use from every thread.
class RequestMetrics {
 public:
  /// `model`: one of those that are served, for a server of many; may be empty.
  void count(const Answered& answered, std::string_view model = {});
  void write(Exposition& out) const;

 private:
  struct Endpoint {
    Endpoint();
    std::map<int, std::int64_t> by_status;
    Histogram seconds;
  };
  /// Method, pattern of the route, model: clients cannot make more of them.
  using Name = std::tuple<std::string, std::string, std::string>;
  std::map<Name, Endpoint> endpoints_;
  mutable std::mutex mutex_;
};

}  // namespace llm::http
