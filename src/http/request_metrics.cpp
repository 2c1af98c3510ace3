#include "http/request_metrics.h"

namespace llm::http {
namespace {

constexpr double kSeconds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1,
                               2.5,   5,     10,   20,   40,  80,   160, 320};

}  // namespace

RequestMetrics::Endpoint::Endpoint() : seconds(kSeconds) {}

void RequestMetrics::count(const Answered& answered, std::string_view model) {
  // What no route takes may have any method and path.
  const bool is_known = answered.route != nullptr;
  Name name = {is_known ? answered.request.method : "other",
               is_known ? answered.route->path : "other", std::string(model)};
  const std::lock_guard lock(mutex_);
  Endpoint& endpoint = endpoints_[std::move(name)];
  ++endpoint.by_status[answered.status];
  endpoint.seconds.observe(answered.seconds);
}

void RequestMetrics::write(Exposition& out) const {
  const std::lock_guard lock(mutex_);
  out.family("llamacpp:http_requests_total", "counter",
             "HTTP requests answered, by method, endpoint and status code.");
  for (const auto& [name, endpoint] : endpoints_) {
    const auto& [method, path, model] = name;
    for (const auto& [status, count] : endpoint.by_status) {
      out.sample({{"method", method},
                  {"endpoint", path},
                  {"status", std::to_string(status)},
                  {"model", model}},
                 static_cast<double>(count));
    }
  }
  out.family("llamacpp:http_request_duration_seconds", "histogram",
             "From the first byte of a request to the end of its answer.");
  for (const auto& [name, endpoint] : endpoints_) {
    const auto& [method, path, model] = name;
    out.histogram({{"method", method}, {"endpoint", path}, {"model", model}},
                  endpoint.seconds.values());
  }
}

}  // namespace llm::http
