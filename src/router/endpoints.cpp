#include "router/endpoints.h"

#include <optional>

#include "base/log.h"
#include "base/utc.h"
#include "router/model_list.h"
#include "router/proxy.h"
#include "router/request_model.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Unloading an idle model takes milliseconds: its answer waits so long for it to be done.
constexpr std::chrono::milliseconds kUnloadWait{1000}, kUnloadPoll{10};
/// The list is open to everyone, so that nobody makes the disk busy with it.
constexpr auto kReloadPause = 1s;

http::Response success() {
  return http::json_response(200, R"({"success":true})");
}

bool names_model(const http::Request& request) {
  const auto model = request.query.find("model");
  return model != request.query.end() && !model->second.empty();
}

/// The one place where a failure becomes a reply, in the form of the path's API.
http::Handler answering(http::Handler handler) {
  return [handler = std::move(handler)](http::Exchange& exchange) -> http::Task<http::Response> {
    std::optional<RequestError> problem;
    try {
      co_return co_await handler(exchange);
    } catch (const RequestError& error) {
      problem = error;
    }
    note_error(exchange.notes, problem->what());
    co_return error_reply(exchange.request().path, *problem);
  };
}

template <class Owner>
http::Handler handler_of(Owner& owner, http::Task<http::Response> (Owner::*what)(http::Exchange&)) {
  return answering([&owner, what](http::Exchange& exchange) { return (owner.*what)(exchange); });
}

template <class Owner>
http::Handler handler_of(Owner& owner, http::Response (Owner::*what)(const http::Request&)) {
  return answering([&owner, what](http::Exchange& exchange) -> http::Task<http::Response> {
    co_return (owner.*what)(exchange.request());
  });
}

}  // namespace

Endpoints::Endpoints(const Options& options, Fleet& fleet, Events& events, Downloads& downloads,
                     const Metrics& metrics, std::function<void()> reload)
    : options_(options),
      fleet_(fleet),
      events_(events),
      downloads_(downloads),
      metrics_(metrics),
      reload_(std::move(reload)),
      started_at_(unix_seconds()),
      passing_(options, fleet) {}

std::vector<http::Route> Endpoints::own_routes() {
  std::vector<http::Route> routes;
  const auto add = [&](bool is_public, const char* method, const char* path, auto& owner,
                       auto what) {
    routes.push_back({.method = method,
                      .path = path,
                      .handler = handler_of(owner, what),
                      .is_public = is_public});
  };
  const auto open = [&](const char* method, const char* path, auto what) {
    add(true, method, path, *this, what);
  };
  const auto keyed = [&](const char* method, const char* path, auto what) {
    add(false, method, path, *this, what);
  };
  const auto passed = [&](const char* method, const char* path, auto what) {
    add(false, method, path, passing_, what);
  };
  open("GET", "/health", &Endpoints::health);
  open("GET", "/v1/health", &Endpoints::health);
  open("GET", "/readyz", &Endpoints::health);
  open("GET", "/models", &Endpoints::list_models);
  open("GET", "/v1/models", &Endpoints::list_models);
  keyed("POST", "/models", &Endpoints::download);
  keyed("DELETE", "/models", &Endpoints::remove);
  keyed("POST", "/models/load", &Endpoints::load);
  keyed("POST", "/models/unload", &Endpoints::unload);
  keyed("GET", "/models/sse", &Endpoints::events);
  keyed("GET", "/props", &Endpoints::props);
  keyed("GET", "/metrics", &Endpoints::metrics);
  passed("GET", "/v1/stream", &Passing::conversation);
  passed("DELETE", "/v1/stream", &Passing::conversation);
  passed("POST", "/v1/streams/lookup", &Passing::find_conversations);
  // Responses are kept where they were made.
  passed("GET", "/v1/responses/{id}", &Passing::to_any_model);
  passed("DELETE", "/v1/responses/{id}", &Passing::to_any_model);
  passed("GET", "/v1/responses/{id}/input_items", &Passing::to_any_model);
  return routes;
}

http::Handler Endpoints::passed_on() {
  return handler_of(passing_, &Passing::to_named_model);
}

http::Response Endpoints::health(const http::Request&) {
  return http::json_response(200, R"({"status":"ok"})");
}

http::Response Endpoints::of_router() {
  return http::json_response(
      200, dump({{"role", "router"},
                 {"max_instances", options_.router.max_models},
                 {"models_autoload", options_.router.autoload},
                 {"model_alias", "llama-server"},
                 {"model_path", "none"},
                 {"default_generation_settings", {{"params", nullptr}, {"n_ctx", 0}}},
                 {"ui_settings", Json::parse(options_.features.ui_config)},
                 {"build_info", options::build_info()},
                 {"cors_proxy_enabled", false}}));
}

http::Task<http::Response> Endpoints::props(http::Exchange& exchange) {
  if (names_model(exchange.request())) co_return co_await passing_.to_named_model(exchange);
  co_return of_router();
}

http::Task<http::Response> Endpoints::metrics(http::Exchange& exchange) {
  if (names_model(exchange.request())) co_return co_await passing_.to_named_model(exchange);
  if (!options_.features.metrics)
    throw RequestError(501, "not_supported_error",
                       "This server does not support metrics endpoint. Start it with `--metrics`");
  co_return http::Response{200,
                           {{"Process-Start-Time-Unix", std::to_string(started_at_)},
                            {"Content-Type", "text/plain; version=0.0.4"}},
                           metrics_.text(fleet_.report())};
}

void Endpoints::reload() {
  const std::lock_guard lock(reload_mutex_);
  if (Clock::now() - reloaded_at_ < kReloadPause) return;
  try {
    reload_();
  } catch (const Error& error) {
    log::error("the list of models is not read anew: {}", error.what());
    throw RequestError(500, "server_error", error.what());
  }
  reloaded_at_ = Clock::now();
  events_.publish("*", "models_reload");
}

http::Response Endpoints::list_models(const http::Request& request) {
  const auto wanted = request.query.find("reload");
  if (wanted != request.query.end() && wanted->second != "0") reload();
  Json data = Json::array();
  const bool can_remove = static_cast<bool>(downloads_.store().remove);
  fleet_.for_each([&](const ModelView& view) { data.push_back(model_json(view, can_remove)); });
  for (const auto& model : downloads_.running())
    if (!fleet_.has(model)) data.push_back(download_json(model));
  return http::json_response(200, dump({{"data", std::move(data)}, {"object", "list"}}));
}

http::Response Endpoints::load(const http::Request& request) {
  const auto model = model_field(request.body);
  if (!fleet_.has(model)) return not_found();
  fleet_.load(model);
  return success();
}

http::Task<void> Endpoints::wait_until_ended(std::string model, std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  http::Signal nobody;
  while (fleet_.is_running(model) && Clock::now() < until) {
    const auto again = Clock::now() + kUnloadPoll;
    co_await nobody.wait(again);
  }
}

http::Task<http::Response> Endpoints::unload(http::Exchange& exchange) {
  const auto model = model_field(exchange.request().body);
  fleet_.unload(model);
  co_await wait_until_ended(model, kUnloadWait);
  co_return success();
}

http::Response Endpoints::download(const http::Request& request) {
  const auto model = model_field(request.body);
  if (model.empty()) bad_field("model", "model must be a non-empty string");
  downloads_.begin(model);
  return success();
}

/// A model of the download cache: its process is stopped first.
http::Task<http::Response> Endpoints::remove(http::Exchange& exchange) {
  const auto& query = exchange.request().query;
  const auto named = query.find("model");
  if (named == query.end() || named->second.empty())
    bad_field("model", "model must be a non-empty string");
  const std::string model = named->second;
  if (!fleet_.has(model))
    throw RequestError(500, "server_error", fmt::format("model name={} is not found", model));
  bool is_cached = false;
  std::chrono::seconds patience{1};
  fleet_.for_each([&](const ModelView& view) {
    if (view.entry->name != model) return;
    is_cached = view.entry->source == Source::cache;
    patience += std::chrono::seconds(view.entry->stop_timeout_s);
  });
  const auto& remove = downloads_.store().remove;
  if (!is_cached || !remove)
    throw RequestError(500, "server_error",
                       fmt::format("model name={} is not removable (not from cache)", model));
  if (fleet_.is_running(model)) {
    fleet_.unload(model);
    co_await wait_until_ended(model, patience);
  }
  co_await exchange.to_worker();
  try {
    remove(model);
    reload_();
  } catch (const Error& error) {
    throw RequestError(500, "server_error", error.what());
  }
  events_.publish(model, "model_remove");
  co_return success();
}

http::Task<http::Response> Endpoints::events(http::Exchange& exchange) {
  auto channel = events_.subscribe(exchange);
  co_await exchange.begin_stream();
  const int ping_s = options_.http.sse_ping_interval_s;
  const auto silence = ping_s > 0 ? std::chrono::milliseconds(std::chrono::seconds(ping_s))
                                  : std::chrono::milliseconds::max();
  for (;;) {
    const auto text = co_await channel.next(silence);
    if (!text && !channel.timed_out()) co_return http::Response{};
    const std::string out = text ? *text : ":\n\n";
    if (!co_await exchange.write(out)) co_return http::Response{};
  }
}

}  // namespace llm::router
