#include "router/metrics.h"

#include <algorithm>
#include <array>

#include "base/exposition.h"

namespace llm::router {
namespace {

constexpr const char* kModelField = "model";

std::string noted_model(const http::Notes& notes) {
  for (const log::Field& field : notes.fields)
    if (field.name == kModelField) return std::get<std::string>(field.value);
  return {};
}

struct Counter {
  const char* name;
  const char* help;
  std::int64_t ModelCounts::*value;
};

constexpr Counter kCounters[] = {
    {"llamacpp:router_loads_total", "Times that a model was loaded.", &ModelCounts::loads},
    {"llamacpp:router_load_failures_total", "Times that a model's process ended while it loaded.",
     &ModelCounts::load_failures},
    {"llamacpp:router_crashes_total",
     "Times that a model's process ended by itself after it had been loaded.",
     &ModelCounts::crashes},
    {"llamacpp:router_restarts_total",
     "Times that a model's process was started after one that had ended by itself.",
     &ModelCounts::restarts},
    {"llamacpp:router_evictions_total", "Times that a model was unloaded to make room.",
     &ModelCounts::evictions},
};

using Report = FleetReport::Model;

struct Gauge {
  const char* name;
  const char* help;
  double (*value)(const Report&);
};

constexpr Gauge kGauges[] = {
    {"llamacpp:router_requests_running", "Requests that a model's process answers.",
     [](const Report& model) { return static_cast<double>(model.running); }},
    {"llamacpp:router_requests_waiting", "Requests that wait for a model to be loaded.",
     [](const Report& model) { return static_cast<double>(model.waiting); }},
    {"llamacpp:router_memory_bytes", "Memory that is counted for a model.",
     [](const Report& model) { return static_cast<double>(model.bytes); }},
};

constexpr std::array kStates = {State::unloaded, State::loading, State::loaded, State::sleeping,
                                State::stopping};
constexpr std::array kStateNames = {"unloaded", "loading", "loaded", "sleeping", "stopping"};

void write_models(const FleetReport& fleet, Exposition& out) {
  out.family("llamacpp:router_models", "gauge", "Models by state.");
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    const auto count = std::count_if(fleet.models.begin(), fleet.models.end(),
                                     [&](const Report& one) { return one.state == kStates[i]; });
    out.sample({{"state", kStateNames[i]}}, static_cast<double>(count));
  }
  for (const Counter& counter : kCounters) {
    out.family(counter.name, "counter", counter.help);
    for (const Report& model : fleet.models)
      out.sample({{"model", model.name}}, static_cast<double>(model.counts.*counter.value));
  }
  for (const Gauge& gauge : kGauges) {
    out.family(gauge.name, "gauge", gauge.help);
    for (const Report& model : fleet.models)
      out.sample({{"model", model.name}}, gauge.value(model));
  }
}

void write_limits(const FleetReport& fleet, Exposition& out) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    out.family(name, "gauge", help);
    out.sample(value);
  };
  gauge("llamacpp:router_loads_waiting", "Models that wait for a place to be loaded.",
        fleet.waiting_loads);
  gauge("llamacpp:router_models_limit", "Most models loaded at once; 0: no limit.",
        fleet.limits.models);
  gauge("llamacpp:router_memory_limit_bytes", "Most memory of all models; 0: no limit.",
        static_cast<double>(fleet.limits.bytes));
}

}  // namespace

void Metrics::answered(const http::Answered& answered) {
  const std::string model = noted_model(answered.notes);
  requests_.count(answered, model);
  if (model.empty()) return;
  const std::lock_guard lock(mutex_);
  Bytes& bytes = proxied_[model];
  bytes.asked += answered.request.body.size();
  bytes.answered += answered.bytes;
}

std::string Metrics::text(const FleetReport& fleet) const {
  Exposition out;
  write_models(fleet, out);
  write_limits(fleet, out);
  out.family("llamacpp:router_load_seconds", "histogram",
             "From the start of a model's process until it answers.");
  out.histogram({}, fleet.load_seconds);
  out.family("llamacpp:router_proxied_bytes_total", "counter",
             "Bytes of bodies passed on to a model, and back.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [model, bytes] : proxied_) {
      out.sample({{"model", model}, {"direction", "request"}}, static_cast<double>(bytes.asked));
      out.sample({{"model", model}, {"direction", "reply"}}, static_cast<double>(bytes.answered));
    }
  }
  requests_.write(out);
  return out.take();
}

void note_model(http::Exchange& exchange, const std::string& model) {
  if (!model.empty()) exchange.notes.fields.push_back({kModelField, model});
}

}  // namespace llm::router
