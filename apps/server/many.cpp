#include "server/many.h"

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
  http::Server http(settings.http, router.routes(of_one_model.routes()));
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
