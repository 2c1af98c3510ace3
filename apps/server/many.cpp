#include "server/many.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "model/memory_estimate.h"
#include "server/service.h"

namespace llm {
namespace {

std::uint64_t estimate(const Options& options) {
  if (options.model.path.empty()) return 0;
  CacheWish wish{.context = options.context.size};
  if (const auto* keys = quant::find_traits(options.context.key_type)) wish.key_type = keys->type;
  if (const auto* values = quant::find_traits(options.context.value_type))
    wish.value_type = values->type;
  return estimate_memory(options.model.path, wish);
}

std::string cache_directory() {
  struct Place {
    const char* variable;
    const char* below;
  };
  constexpr Place kPlaces[] = {{"LLAMA_CACHE", ""},
                               {"HF_HUB_CACHE", ""},
                               {"HUGGINGFACE_HUB_CACHE", ""},
                               {"HF_HOME", "/hub"},
                               {"XDG_CACHE_HOME", "/huggingface/hub"},
                               {"HOME", "/.cache/huggingface/hub"}};
  for (const auto& [variable, below] : kPlaces)
    if (const char* value = std::getenv(variable); value && *value)
      return std::string(value) + below;
  return {};
}

/// Every request has two connections, the client's and one to a model; so the door may take half of
/// the descriptors that the system allows.
int connection_limit(int wanted) {
  constexpr rlim_t kOthers = 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = 2 * static_cast<rlim_t>(wanted) + kOthers;
  if (limit.rlim_cur < needed) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : std::min(needed, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= needed) return wanted;
  return std::max(1, (static_cast<int>(limit.rlim_cur) - static_cast<int>(kOthers)) / 2);
}

}  // namespace

router::ModelStore model_store() {
  return {
      .models = [] { return router::scan_cache(cache_directory()); }, .download = {}, .remove = {}};
}

void serve_many(const ManyModels& settings, const std::function<void()>& wait_for_stop) {
  // What needs no model (the page, liveness) is answered by it; the rest goes to the children.
  server::Service of_one_model(settings.options);
  router::Router router({.options = settings.options,
                         .command_line = settings.command_line,
                         .environment = settings.environment,
                         .estimate = estimate,
                         .store = settings.store});
  http::ServerSettings door = settings.http;
  door.max_connections = connection_limit(door.max_connections);
  http::Server http(door, router.routes(of_one_model.routes()));
  http.set_ready(true);
  http.run_in_background();
  log::info("listening on {}", http.address());
  router.start(http.port());
  log::info("{} models, to be loaded when they are asked for", router.model_count());
  log::info("ready: {}", http.address());

  wait_for_stop();
  log::info("stopping: running requests get {} s",
            std::chrono::duration_cast<std::chrono::seconds>(settings.stop_deadline).count());
  router.close();
  http.stop(settings.stop_deadline);
  router.stop();
}

}  // namespace llm
