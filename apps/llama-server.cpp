// llama-server: reads the options, listens, loads the model, serves until a signal comes.
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "compute/device.h"
#include "cpu_settings.h"
#include "devices.h"
#include "http/http.h"
#include "hub/cache.h"
#include "options/options.h"
#include "router/child_report.h"
#include "router/router.h"
#include "server/loading.h"
#include "server/many.h"
#include "server/observe/replay.h"
#include "server/reloading.h"
#include "server/service.h"
#include "server/settings.h"
#include "server/stop_signal.h"

namespace llm {
namespace {

using namespace std::chrono_literals;

constexpr auto kStopDeadline = 10s;

/// --perf: what the batches since start were like.
void log_batches(const EngineStats& stats) {
  const auto mean = [](const HistogramValues& values) {
    return values.count() > 0 ? values.sum / static_cast<double>(values.count()) : 0;
  };
  constexpr double kMs = 1000;
  const log::Field fields[] = {{"batches", stats.decode_calls},
                               {"mean_tokens", mean(stats.histograms.step_tokens)},
                               {"mean_sequences", mean(stats.histograms.step_sequences)},
                               {"mean_ms", kMs * mean(stats.histograms.step_seconds)}};
  log::write(log::Level::info, "", "timings of batches", fields);
}

void serve(const Options& options, StopSignal& stop) {
  const router::ChildReport report;
  server::Service service(options);
  http::ServerSettings settings = http_settings(options);
  settings.is_behind_router = report.is_child();
  settings.observer = [&](const http::Answered& one) {
    report.answered(one);
    service.observer().answered(one);
  };
  http::Server http(std::move(settings), service.routes());
  const Reloading reloading(stop, http, options.security);
  http.run_in_background();
  log::info("listening on {}", http.address());
  service.set_serving(load(options, stop, report),
                      {.load = [&] { return load(options, stop, report); },
                       .fell_asleep = [&] { report.sleeping(); },
                       .woke_up = [&] { report.ready(); }});
  http.set_ready(true);
  log::info("ready: {}", http.address());
  report.ready();

  stop.wait();
  log::info("stopping: running requests get {} s", kStopDeadline.count());
  service.stop();
  http.stop(kStopDeadline);
  if (options.log.perf) log_batches(service.stats());
}

/// Exit code: 0 when every request could be run again and gave the same.
int replay(const Options& options, const StopSignal& stop) {
  server::Replay replay(options.request_log.replay);
  server::Service service(options);
  service.set_serving(load(options, stop, router::ChildReport()));
  const server::Replay::Summary summary = replay.run(service, [&] { return stop.is_set(); });
  std::fputs(summary.text.c_str(), stdout);
  constexpr int kSomeDiffer = 2;
  return summary.is_same ? 0 : kSomeDiffer;
}

/// Also when the repository of --hf-repo turns out to be a preset; not in a process that a router
/// has started for one model.
bool serves_many(router::RouterSettings& many, const StopSignal& stop) {
  if (!router::started_by_router() &&
      take_preset_of_repository(many, [&stop] { return stop.is_set(); }))
    return true;
  return router::serves_many(many.options, many.store);
}

void list_cache() {
  const auto models = hub::cached_models(hub::cache_directory(options::process_environment()));
  std::printf("number of models in cache: %zu\n", models.size());
  for (std::size_t i = 0; i < models.size(); ++i)
    std::printf("%4zu. %s\n", i + 1, models[i].name.c_str());
}

int run(int argc, char** argv) {
  const auto parsed = options::parse(argc, argv, options::process_environment());
  using Action = options::ParseResult::Action;
  if (parsed.action == Action::cache_list) {
    list_cache();
    return 0;
  }
  if (parsed.action == Action::device_list) {
    std::fputs(device_list().c_str(), stdout);
    return 0;
  }
  if (parsed.action != Action::run) {
    const std::string text =
        parsed.action == Action::help ? options::help(argv[0]) : options::version();
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  log::set_up(log_settings(parsed.options.log));
  for (const std::string& notice : parsed.notices) log::warn("{}", notice);
  compute::check(cpu_settings(parsed.options.threads));  // before a model is downloaded
  check_devices(parsed.options.gpu);
  StopSignal stop;
  try {
    if (!parsed.options.request_log.replay.empty()) return replay(parsed.options, stop);
    router::RouterSettings many{
        .options = parsed.options,
        .command_line = options::Settings::from_arguments(argc, argv),
        .environment = options::Settings::from_environment(options::process_environment()),
        .store = model_store(parsed.options.download)};
    if (serves_many(many, stop)) {
      if (parsed.options.vertex.is_on)
        fail("AIP_MODE=PREDICTION (Vertex AI) needs a server of one model: name it with --model");
      serve_many({.router = std::move(many),
                  .http = http_settings(parsed.options),
                  .stop_deadline = kStopDeadline},
                 [&](http::Server& http) {
                   const Reloading reloading(stop, http, parsed.options.security);
                   stop.wait();
                 });
    } else {
      for (const char* flag :
           {"--models-dir", "--models-preset", "--models-max", "--models-memory"})
        if (parsed.options.is_given(flag)) log::warn("{} has no effect: one model is served", flag);
      serve(parsed.options, stop);
    }
  } catch (const Stopped&) {
  } catch (const Error&) {
    if (!stop.is_set()) throw;  // loading was given up because of the signal
  }
  return 0;
}

}  // namespace
}  // namespace llm

int main(int argc, char** argv) {
  try {
    return llm::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama-server: %s\n", error.what());
    return 1;
  }
}
