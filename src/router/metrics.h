// The router's own /metrics, and the name of the model in its access log. Internal to the room.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "http/http.h"
#include "http/request_metrics.h"
#include "router/fleet.h"

namespace llm::router {

/// Any thread.
class Metrics {
 public:
  /// An HTTP request has been answered.
  void answered(const http::Answered& answered);
  /// In Prometheus' text format.
  std::string text(const FleetReport& fleet) const;

 private:
  struct Bytes {
    std::uint64_t asked = 0, answered = 0;
  };
  http::RequestMetrics requests_;
  mutable std::mutex mutex_;
  std::map<std::string, Bytes> proxied_;  // by model; guarded by mutex_
};

/// The model whose process answers the request, by its own name; empty: none is known.
void note_model(http::Exchange& exchange, const std::string& model);

}  // namespace llm::router
