#include "router/router.h"

#include <mutex>
#include <set>

#include "base/log.h"
#include "router/endpoints.h"
#include "router/private_directory.h"

namespace llm::router {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

/// Variables that set options, or the bond with the router, are not for the children: what they
/// get is on their command lines.
bool is_for_children(std::string_view variable) {
  for (const std::string_view prefix :
       {"LLAMA_ARG_", "LLAMA_API_KEY=", "LLAMA_LOG_FILE=", "LLAMA_SERVER_"})
    if (variable.starts_with(prefix)) return false;
  return true;
}

std::vector<std::string> children_environment() {
  std::vector<std::string> out;
  for (char** variable = environ; variable && *variable; ++variable)
    if (is_for_children(*variable)) out.emplace_back(*variable);
  // The router's log has the time already.
  out.emplace_back("LLAMA_ARG_LOG_TIMESTAMPS=off");
  return out;
}

Limits limits_of(const RouterOptions& options) {
  Limits limits{.models = options.max_models};
  if (options.memory_mib > 0)
    limits.bytes = static_cast<std::uint64_t>(options.memory_mib) * kMiB;
  else if (options.memory_mib == 0)
    limits.bytes = machine_memory() / 10 * 9;
  return limits;
}

CatalogSources sources_of(const RouterSettings& settings) {
  return {.models_dir = settings.options.router.models_dir,
          .preset_path = settings.options.router.preset,
          .preset_origin = settings.preset_origin,
          .command_line = settings.command_line,
          .environment = settings.environment,
          .cached = settings.store.models ? settings.store.models() : std::vector<FoundModel>()};
}

void check_preloads(const Catalog& catalog, int max_models) {
  int count = 0;
  for (const auto& [name, entry] : catalog) count += entry.load_on_startup;
  if (max_models > 0 && count > max_models)
    fail("{} models are to be loaded on start-up, but --models-max allows {}", count, max_models);
}

}  // namespace

bool serves_many(const Options& options, const ModelStore& store) {
  for (const char* flag : {"--model", "--model-url", "--docker-repo", "--hf-repo"})
    if (options.is_given(flag)) return false;
  const RouterOptions& router = options.router;
  return !router.models_dir.empty() || !router.preset.empty() ||
         (store.models && !store.models().empty());
}

class Router::Impl {
 public:
  explicit Impl(RouterSettings settings)
      : settings_(std::move(settings)),
        catalog_(checked_catalog()),
        fleet_({.limits = limits_of(settings_.options.router),
                .estimate = settings_.estimate,
                .socket_directory = sockets_.path(),
                .environment = children_environment()},
               catalog_, events_),
        downloads_(settings_.store, events_, [this] { reload(); }),
        endpoints_(settings_.options, fleet_, events_, downloads_, metrics_, [this] { reload(); }) {
  }

  std::vector<http::Route> routes(std::vector<http::Route> of_one_model) {
    auto routes = endpoints_.own_routes();
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& route : routes) seen.emplace(route.method, route.path);
    for (auto& route : of_one_model) {
      if (!seen.emplace(route.method, route.path).second) continue;
      if (!route.while_loading) {
        route.handler = endpoints_.passed_on();
        route.is_public = route.quick = false;
      }
      routes.push_back(std::move(route));
    }
    return routes;
  }

  void start(int port) {
    fleet_.set_port(port);
    fleet_.preload();
  }

  int model_count() const { return static_cast<int>(catalog_.size()); }
  void answered(const http::Answered& one) { metrics_.answered(one); }

  void close() {
    events_.close();
    fleet_.close();
    downloads_.close();
  }
  void stop() { fleet_.stop(); }

 private:
  Catalog checked_catalog() const {
    auto catalog = read_catalog(sources_of(settings_));
    check_preloads(catalog, settings_.options.router.max_models);
    return catalog;
  }

  void reload() {
    const std::lock_guard lock(reload_mutex_);
    fleet_.replace(read_catalog(sources_of(settings_)));
  }

  RouterSettings settings_;
  std::mutex reload_mutex_;
  Catalog catalog_;
  PrivateDirectory sockets_;
  Events events_;
  Fleet fleet_;
  Downloads downloads_;
  Metrics metrics_;
  Endpoints endpoints_;
};

Router::Router(RouterSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Router::~Router() = default;

std::vector<http::Route> Router::routes(std::vector<http::Route> of_one_model) {
  return impl_->routes(std::move(of_one_model));
}
void Router::start(int port) {
  impl_->start(port);
}
int Router::model_count() const {
  return impl_->model_count();
}
void Router::answered(const http::Answered& one) {
  impl_->answered(one);
}
void Router::close() {
  impl_->close();
}
void Router::stop() {
  impl_->stop();
}

}  // namespace llm::router
