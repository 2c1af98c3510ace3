#include "server/many.h"

#include "base/log.h"
#include "hub/cache.h"
#include "model/memory_estimate.h"
#include "router/router.h"
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

}  // namespace

std::vector<router::FoundModel> cached_models() {
  std::vector<router::FoundModel> found;
  try {
    const auto cache = hub::cache_directory(options::process_environment());
    for (const auto& model : hub::cached_models(cache)) {
      found.push_back({model.name, model.path.string(), model.projector.string()});
    }
  } catch (const Error& error) {  // no home, or not readable: then nothing is there
    log::debug("no downloaded models: {}", error.what());
  }
  return found;
}

void serve_many(const ManyModels& settings, const std::function<void()>& wait_for_stop) {
  // What needs no model (the page, liveness) is answered by it; the rest goes to the children.
  server::Service of_one_model(settings.options);
  router::Router router({.options = settings.options,
                         .command_line = settings.command_line,
                         .environment = settings.environment,
                         .estimate = estimate,
                         .cached = cached_models});
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
