#include "router/passing.h"

#include <chrono>
#include <optional>
#include <set>

#include "http/client_call.h"
#include "http/message.h"
#include "router/metrics.h"
#include "router/proxy.h"
#include "router/request_model.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;

/// A request whose process ended before it got there is given to the next one so often.
constexpr int kMostTries = 3;
constexpr auto kRetryPause = 10ms;
constexpr std::size_t kMaxConversationId = 256;

/// A conversation belongs to the key that it began with.
std::string name_of(const http::Request& request, const std::string& conversation) {
  return request.client + '/' + conversation;
}

RequestError unreachable(const std::string& model, const http::PeerError& error) {
  return {502, "server_error",
          fmt::format("model '{}' cannot be reached: {}", model, error.what())};
}

}  // namespace

/// To a model that runs already; not tried again.
http::Task<http::Response> Passing::to_running(http::Exchange& exchange, const Lease& lease) {
  const std::chrono::seconds silence(options_.http.timeout_s);
  std::optional<RequestError> problem;
  try {
    co_return co_await forward(exchange, lease, silence);
  } catch (const http::PeerError& error) {
    problem = unreachable(lease.model(), error);
  }
  throw *problem;
}

http::Task<http::Response> Passing::to_named_model(http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  std::string model = wanted_model(request);
  const bool autoload = wanted_autoload(request).value_or(options_.router.autoload);
  const std::string conversation(request.header("X-Conversation-Id"));
  if (!conversation.empty() && conversation.size() <= kMaxConversationId && fleet_.has(model))
    conversations_.remember(name_of(request, conversation), model);
  co_return co_await to_model(exchange, std::move(model), autoload);
}

http::Task<http::Response> Passing::to_model(http::Exchange& exchange, std::string model,
                                             bool autoload) {
  const std::chrono::seconds silence(options_.http.timeout_s);
  note_model(exchange, fleet_.own_name(model));
  for (int tries = 1;; ++tries) {
    const LeasePtr lease = co_await fleet_.acquire(exchange, model, autoload);
    std::optional<RequestError> problem;
    try {
      co_return co_await forward(exchange, *lease, silence);
    } catch (const http::PeerError& error) {
      problem = unreachable(model, error);
    }
    if (tries == kMostTries) throw *problem;
    // Its end is noticed in a moment; then it is started again.
    http::Signal nobody;
    const auto again = std::chrono::steady_clock::now() + kRetryPause;
    co_await nobody.wait(again);
  }
}

http::Task<http::Response> Passing::to_any_model(http::Exchange& exchange) {
  if (exchange.request().query.contains("model")) co_return co_await to_named_model(exchange);
  for (const auto& model : fleet_.running()) {
    const auto lease = fleet_.acquire_running(model);
    if (!lease) continue;
    auto answer = co_await to_running(exchange, *lease);
    if (!exchange.stream_begun() && answer.status == 404) continue;
    note_model(exchange, model);
    co_return answer;
  }
  throw RequestError(404, "not_found_error", "no running model keeps this response");
}

http::Task<http::Response> Passing::conversation(http::Exchange& exchange) {
  const auto& query = exchange.request().query;
  const auto id = query.find("conv_id");
  if (id == query.end() || id->second.empty())
    bad_field("conv_id", "Missing conversation id in path");
  const auto lease =
      fleet_.acquire_running(conversations_.model_of(name_of(exchange.request(), id->second)));
  if (lease) {
    note_model(exchange, lease->model());
    co_return co_await to_running(exchange, *lease);
  }
  if (exchange.request().method == "DELETE") co_return http::json_response(204, "");
  co_return not_found();
}

http::Task<http::Response> Passing::find_conversations(http::Exchange& exchange) {
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

}  // namespace llm::router
