#include "router/endpoints.h"

#include <set>

#include "base/log.h"
#include "http/client_call.h"
#include "http/message.h"
#include "router/proxy.h"
#include "router/request_model.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Unloading an idle model takes milliseconds: its answer waits so long for it to be done.
constexpr std::chrono::milliseconds kUnloadWait{1000}, kUnloadPoll{10};
/// A request whose process ended before it got there is given to the next one so often.
constexpr int kMostTries = 3;
/// The list is open to everyone, so that nobody makes the disk busy with it.
constexpr auto kReloadPause = 1s;
constexpr std::size_t kMaxConversationId = 256;

const char* name_of(State state) {
  switch (state) {
    case State::unloaded:
      return "unloaded";
    case State::loading:
      return "loading";
    case State::loaded:
    case State::stopping:  // still answering
      return "loaded";
    case State::sleeping:
      return "sleeping";
  }
  return "unloaded";
}

const char* name_of(Source source) {
  switch (source) {
    case Source::cache:
      return "cache";
    case Source::models_dir:
      return "models_dir";
    case Source::preset:
      return "preset";
  }
  return "preset";
}

/// A conversation belongs to the key that it began with.
std::string name_of(const http::Request& request, const std::string& conversation) {
  return request.client + '/' + conversation;
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Json model_json(const ModelView& view, bool can_remove) {
  const CatalogEntry& entry = *view.entry;
  Json status = {
      {"value", name_of(view.state)}, {"args", view.arguments}, {"preset", entry.preset}};
  if (view.is_failed) {
    status["exit_code"] = view.exit_code;
    status["failed"] = true;
    status["last_log"] = view.last_lines;
  }
  Json out = {
      {"id", entry.name},
      {"aliases", entry.aliases},
      {"tags", entry.tags},
      {"object", "model"},
      {"owned_by", "llamacpp"},
      {"created", unix_seconds()},
      {"status", std::move(status)},
      {"architecture",
       {{"input_modalities", Json::array({"text"})}, {"output_modalities", Json::array({"text"})}}},
      {"source", name_of(entry.source)},
      {"can_remove", can_remove && entry.source == Source::cache}};
  if (view.info.is_object() && view.info.contains("meta")) out["meta"] = view.info["meta"];
  return out;
}

/// A model that is on its way.
Json download_json(const std::string& name) {
  return {
      {"id", name},
      {"aliases", Json::array()},
      {"tags", Json::array()},
      {"object", "model"},
      {"owned_by", "llamacpp"},
      {"created", unix_seconds()},
      {"status", {{"value", "downloading"}, {"args", Json::array()}}},
      {"architecture",
       {{"input_modalities", Json::array({"text"})}, {"output_modalities", Json::array({"text"})}}},
      {"source", "cache"},
      {"can_remove", false}};
}

Json parse_object(const std::string& body) {
  Json json;
  try {
    json = Json::parse(body);
  } catch (const Json::exception& error) {
    bad_field("", error.what());
  }
  if (!json.is_object())
    bad_field("", fmt::format("request body must be a JSON object, but is {}", json.type_name()));
  return json;
}

/// The body's "model"; empty when it is not there.
std::string model_field(const http::Request& request) {
  const Json body = parse_object(request.body);
  const auto found = body.find("model");
  if (found == body.end() || found->is_null()) return {};
  if (!found->is_string()) bad_field("model", "model must be a string");
  return found->get<std::string>();
}

http::Response success() {
  return http::json_response(200, R"({"success":true})");
}

http::Response not_found() {
  return http::plain_refusal(404, "not_found_error", "File Not Found");
}

}  // namespace

Endpoints::Endpoints(const Options& options, Fleet& fleet, Events& events, Downloads& downloads,
                     std::function<void()> reload)
    : options_(options),
      fleet_(fleet),
      events_(events),
      downloads_(downloads),
      reload_(std::move(reload)) {}

http::Handler Endpoints::at_once(AtOnce what) {
  return [this, what](http::Exchange& exchange) -> http::Task<http::Response> {
    co_return (this->*what)(exchange.request());
  };
}

http::Handler Endpoints::waiting(Waiting what) {
  return [this, what](http::Exchange& exchange) -> http::Task<http::Response> {
    const std::string& path = exchange.request().path;
    std::optional<RequestError> problem;
    try {
      co_return co_await (this->*what)(exchange);
    } catch (const RequestError& error) {
      problem = error;
    }
    co_return error_reply(path, *problem);
  };
}

std::vector<http::Route> Endpoints::own_routes() {
  const auto open = [&](const char* method, const char* path, AtOnce what) {
    return http::Route{.method = method, .path = path, .handler = at_once(what), .is_public = true};
  };
  const auto keyed = [&](const char* method, const char* path, http::Handler handler) {
    return http::Route{.method = method, .path = path, .handler = std::move(handler)};
  };
  std::vector<http::Route> routes = {
      open("GET", "/health", &Endpoints::health),
      open("GET", "/v1/health", &Endpoints::health),
      open("GET", "/readyz", &Endpoints::health),
      open("GET", "/models", &Endpoints::list_models),
      open("GET", "/v1/models", &Endpoints::list_models),
      keyed("POST", "/models", at_once(&Endpoints::download)),
      keyed("DELETE", "/models", waiting(&Endpoints::remove)),
      keyed("POST", "/models/load", at_once(&Endpoints::load)),
      keyed("POST", "/models/unload", waiting(&Endpoints::unload)),
      keyed("GET", "/models/sse", waiting(&Endpoints::events)),
      keyed("GET", "/props", waiting(&Endpoints::props)),
      keyed("GET", "/v1/stream", waiting(&Endpoints::conversation)),
      keyed("DELETE", "/v1/stream", waiting(&Endpoints::conversation)),
      keyed("POST", "/v1/streams/lookup", waiting(&Endpoints::find_conversations)),
  };
  // Responses are kept where they were made.
  for (const char* method : {"GET", "DELETE"})
    routes.push_back(keyed(method, "/v1/responses/{id}", waiting(&Endpoints::to_any_model)));
  routes.push_back(
      keyed("GET", "/v1/responses/{id}/input_items", waiting(&Endpoints::to_any_model)));
  return routes;
}

http::Handler Endpoints::passed_on() {
  return waiting(&Endpoints::to_named_model);
}

// ---- passing on

/// To a model that runs already; not tried again.
http::Task<http::Response> Endpoints::to_running(http::Exchange& exchange, const Lease& lease) {
  const std::chrono::seconds silence(options_.http.timeout_s);
  std::optional<RequestError> problem;
  try {
    co_return co_await forward(exchange, lease, silence);
  } catch (const http::PeerError& error) {
    problem.emplace(502, "server_error",
                    fmt::format("model '{}' cannot be reached: {}", lease.model(), error.what()));
  }
  throw *problem;
}

http::Task<http::Response> Endpoints::to_named_model(http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  std::string model = wanted_model(request);
  const bool autoload = wanted_autoload(request).value_or(options_.router.autoload);
  const std::string conversation(request.header("X-Conversation-Id"));
  if (!conversation.empty() && conversation.size() <= kMaxConversationId && fleet_.has(model))
    conversations_.remember(name_of(request, conversation), model);
  co_return co_await to_model(exchange, std::move(model), autoload);
}

http::Task<http::Response> Endpoints::to_model(http::Exchange& exchange, std::string model,
                                               bool autoload) {
  const std::chrono::seconds silence(options_.http.timeout_s);
  for (int tries = 1;; ++tries) {
    const LeasePtr lease = co_await fleet_.acquire(exchange, model, autoload);
    std::optional<RequestError> problem;
    try {
      co_return co_await forward(exchange, *lease, silence);
    } catch (const http::PeerError& error) {
      problem.emplace(502, "server_error",
                      fmt::format("model '{}' cannot be reached: {}", model, error.what()));
    }
    if (tries == kMostTries) throw *problem;
    // Its end is noticed in a moment; then it is started again.
    http::Signal nobody;
    const auto again = Clock::now() + kUnloadPoll;
    co_await nobody.wait(again);
  }
}

/// Asks the named model or, if none is, those that run one after another until one knows.
http::Task<http::Response> Endpoints::to_any_model(http::Exchange& exchange) {
  if (exchange.request().query.contains("model")) co_return co_await to_named_model(exchange);
  for (const auto& model : fleet_.running()) {
    const auto lease = fleet_.acquire_running(model);
    if (!lease) continue;
    auto answer = co_await to_running(exchange, *lease);
    if (exchange.stream_begun() || answer.status != 404) co_return answer;
  }
  throw RequestError(404, "not_found_error", "no running model keeps this response");
}

http::Task<http::Response> Endpoints::conversation(http::Exchange& exchange) {
  const auto& query = exchange.request().query;
  const auto id = query.find("conv_id");
  if (id == query.end() || id->second.empty())
    bad_field("conv_id", "Missing conversation id in path");
  const auto lease =
      fleet_.acquire_running(conversations_.model_of(name_of(exchange.request(), id->second)));
  if (lease) co_return co_await to_running(exchange, *lease);
  if (exchange.request().method == "DELETE") co_return http::json_response(204, "");
  co_return not_found();
}

http::Task<http::Response> Endpoints::find_conversations(http::Exchange& exchange) {
  const Json body = parse_object(exchange.request().body);
  const auto ids = body.find("conversation_ids");
  if (ids == body.end() || !ids->is_array())
    bad_field("conversation_ids", "conversation_ids must be an array of strings");
  std::set<std::string> models;
  for (const auto& id : *ids) {
    if (!id.is_string())
      bad_field("conversation_ids", "conversation_ids must be an array of strings");
    models.insert(conversations_.model_of(name_of(exchange.request(), id.get<std::string>())));
  }
  Json found = Json::array();
  for (const auto& model : models) {
    const auto lease = fleet_.acquire_running(model);
    if (!lease) continue;
    const auto answer = co_await to_running(exchange, *lease);
    if (exchange.stream_begun()) co_return answer;  // a list of thousands; nothing can follow it
    const Json list = Json::parse(answer.body, nullptr, false);
    if (list.is_array()) found.insert(found.end(), list.begin(), list.end());
  }
  co_return http::json_response(200, dump(found));
}

// ---- the router's own

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
  const auto& query = exchange.request().query;
  const auto model = query.find("model");
  if (model == query.end() || model->second.empty()) co_return of_router();
  co_return co_await to_named_model(exchange);
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
  const auto model = model_field(request);
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
  const auto model = model_field(exchange.request());
  fleet_.unload(model);
  co_await wait_until_ended(model, kUnloadWait);
  co_return success();
}

http::Response Endpoints::download(const http::Request& request) {
  const auto model = model_field(request);
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
