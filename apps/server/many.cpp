#include "server/many.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "hub/cache.h"
#include "hub/hub.h"
#include "model/memory_estimate.h"
#include "server/openapi/document.h"
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

router::ModelStore model_store(const DownloadOptions& from) {
  const auto cache = [] { return hub::cache_directory(options::process_environment()); };
  router::ModelStore store;
  store.models = [cache] {
    std::vector<router::FoundModel> found;
    try {
      for (const auto& model : hub::cached_models(cache()))
        found.push_back({model.name, model.path.string(), model.projector.string()});
    } catch (const Error& error) {  // no home, or not readable: then nothing is there
      log::debug("no downloaded models: {}", error.what());
    }
    return found;
  };
  store.remove = [cache](const std::string& name) { return hub::remove_cached(cache(), name); };
  if (!hub::can_download()) return store;
  store.download = [from](const std::string& name, const auto& progress, const auto& stopped) {
    hub::Settings settings = hub::settings_from(options::process_environment());
    settings.stopped = stopped;
    settings.on_progress = [&progress](const hub::FileProgress& now) {
      progress({.file = now.file, .done = now.done, .total = now.total});
    };
    hub::fetch_model({.hf_repo = name, .token = from.hf_token, .offline = from.offline}, settings);
  };
  return store;
}

bool take_preset_of_repository(router::RouterSettings& settings,
                               const std::function<bool()>& stopped) {
  const DownloadOptions& from = settings.options.download;
  if (from.hf_repo.empty()) return false;
  hub::Settings hub_settings = hub::settings_from(options::process_environment());
  hub_settings.stopped = stopped;
  const auto preset = hub::fetch_preset({.hf_repo = from.hf_repo,
                                         .hf_file = from.hf_file,
                                         .token = from.hf_token,
                                         .offline = from.offline},
                                        hub_settings);
  if (!preset) return false;
  RouterOptions& router = settings.options.router;
  if (!router.preset.empty())
    fail("--models-preset: {} is a repository of presets, and there can be only one", from.hf_repo);
  router.preset = preset->path.string();
  settings.preset_origin = router::PresetOrigin::repository;
  // The models are told their own repositories.
  settings.command_line.erase("--hf-repo");
  settings.environment.erase("--hf-repo");
  log::info("{} is a preset of many models: {}", preset->name, router.preset);
  return true;
}

void serve_many(const ManyModels& settings,
                const std::function<void(http::Server&)>& until_stopped) {
  // What needs no model (the page, liveness) is answered by it; the rest goes to the children.
  server::Service of_one_model(settings.router.options);
  router::RouterSettings of_router = settings.router;
  of_router.estimate = estimate;
  router::Router router(std::move(of_router));
  http::ServerSettings door = settings.http;
  door.max_connections = connection_limit(door.max_connections);
  door.observer = [&router](const http::Answered& one) { router.answered(one); };
  const std::vector<http::Route> routes = router.routes(of_one_model.routes());
  of_one_model.set_description(server::describe_router(routes, door.api_prefix));
  http::Server http(door, routes);
  http.set_ready(true);
  http.run_in_background();
  log::info("listening on {}", http.address());
  router.start(http.port());
  log::info("{} models, to be loaded when they are asked for", router.model_count());
  log::info("ready: {}", http.address());

  until_stopped(http);
  log::info("stopping: running requests get {} s",
            std::chrono::duration_cast<std::chrono::seconds>(settings.stop_deadline).count());
  router.close();
  http.stop(settings.stop_deadline);
  router.stop();
}

}  // namespace llm
