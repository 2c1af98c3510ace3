// Every endpoint of the server, one row each.
#include <algorithm>
#include <optional>

#include "base/error.h"
#include "server/anthropic/messages.h"
#include "server/chat/oai_chat.h"
#include "server/embeddings.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/infill.h"
#include "server/native.h"
#include "server/oai_completions.h"
#include "server/rerank.h"
#include "server/responses/responses.h"
#include "server/route_rows.h"
#include "server/vertex.h"

namespace llm::server {
namespace {

using Row = RouteRow;

const Row kRows[] = {
    {"GET", "/health", health, Access::open, Effort::quick, Needs::nothing},
    {"GET", "/v1/health", health, Access::open, Effort::quick, Needs::nothing},
    {"GET", "/readyz", health, Access::open, Effort::quick, Needs::nothing},
    {"GET", "/livez", health, Access::open_early, Effort::quick, Needs::nothing},
    {"GET", "/models", models, Access::open, Effort::usual, Needs::nothing},
    {"GET", "/v1/models", models, Access::open, Effort::usual, Needs::nothing},
    {"GET", "/props", props, Access::keyed, Effort::usual, Needs::nothing},
    {"POST", "/props", set_props},
    {"GET", "/slots", slots, Access::keyed, Effort::quick},
    {"POST", "/slots/{id}", slot_action},
    {"GET", "/metrics", metrics, Access::keyed, Effort::quick, Needs::nothing},

    {"POST", "/tokenize", tokenize},
    {"POST", "/detokenize", detokenize},
    {"POST", "/apply-template", apply_template},
    {"POST", "/chat/completions/input_tokens", count_chat_tokens},
    {"POST", "/v1/chat/completions/input_tokens", count_chat_tokens},

    {"POST", "/completion", native_completion},
    {"POST", "/completions", native_completion},
    {"POST", "/v1/completions", oai_completions},
    {"POST", "/chat/completions", oai_chat},
    {"POST", "/v1/chat/completions", oai_chat},
    {"POST", "/v1/chat/completions/control", chat_control},
    {"POST", "/infill", infill},

    {"POST", "/responses", responses},
    {"POST", "/v1/responses", responses},
    {"GET", "/v1/responses/{id}", stored_response},
    {"DELETE", "/v1/responses/{id}", delete_response},
    {"GET", "/v1/responses/{id}/input_items", response_input_items},
    {"POST", "/responses/input_tokens", count_response_tokens},
    {"POST", "/v1/responses/input_tokens", count_response_tokens},
    {"POST", "/v1/messages", anthropic_messages},
    {"POST", "/v1/messages/count_tokens", count_anthropic_tokens},

    {"POST", "/embedding", native_embeddings},
    {"POST", "/embeddings", native_embeddings},
    {"POST", "/v1/embeddings", oai_embeddings},
    {"POST", "/rerank", rerank},
    {"POST", "/reranking", rerank},
    {"POST", "/v1/rerank", rerank},
    {"POST", "/v1/reranking", rerank},
    {"POST", "/audio/transcriptions", no_audio},
    {"POST", "/v1/audio/transcriptions", no_audio},
    {"GET", "/lora-adapters", lora_adapters},
    {"POST", "/lora-adapters", set_lora_adapters},
    {"POST", "/lora-adapters/load", load_lora_adapter},
    {"DELETE", "/lora-adapters/{id}", remove_lora_adapter},
    {"GET", "/tools", feature_disabled, Access::keyed, Effort::usual, Needs::nothing},
    {"POST", "/tools", feature_disabled, Access::keyed, Effort::usual, Needs::nothing},
    {"GET", "/cors-proxy", feature_disabled, Access::keyed, Effort::usual, Needs::nothing},
    {"POST", "/cors-proxy", feature_disabled, Access::keyed, Effort::usual, Needs::nothing},
    {"GET", "/v1/stream", resume_stream, Access::keyed, Effort::usual, Needs::nothing},
    {"DELETE", "/v1/stream", forget_stream, Access::keyed, Effort::usual, Needs::nothing},
    {"POST", "/v1/streams/lookup", find_streams, Access::keyed, Effort::usual, Needs::nothing},
    {"GET", "/openapi.json", openapi, Access::open_early, Effort::usual, Needs::nothing},
};

const Row kPageRows[] = {
    {"GET", "/", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/index.html", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/chat.css", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/chat.js", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/markdown.js", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/docs", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/docs.js", page, Access::open_early, Effort::usual, Needs::nothing},
    {"GET", "/docs.css", page, Access::open_early, Effort::usual, Needs::nothing},
};

/// Under the paths that Vertex AI names.
const Row kPredictRow = {"POST", "/predict", predict};
const Row kVertexHealthRow = {"GET",        "/health",     health,
                              Access::open, Effort::quick, Needs::nothing};

http::Route route_of(Service& service, const Row& row) {
  return {.method = row.method,
          .path = row.path,
          .handler = [&service,
                      &row](http::Exchange& exchange) { return answer(service, row, exchange); },
          .is_public = row.access != Access::keyed,
          .while_loading = row.access == Access::open_early,
          .quick = row.effort == Effort::quick};
}

/// Error when the path has another meaning.
void add_vertex_route(std::vector<http::Route>& routes, http::Route route, const char* variable) {
  for (const http::Route& other : routes) {
    if (other.path == route.path && other.method == route.method)
      fail("{}: {} {} is a route of this server already: choose another path", variable,
           route.method, route.path);
  }
  routes.push_back(std::move(route));
}

bool is_health_path(const std::string& path) {
  return std::any_of(std::begin(kRows), std::end(kRows), [&](const Row& row) {
    return path == row.path && row.handler == RouteHandler(health);
  });
}

void add_vertex_routes(Service& service, std::vector<http::Route>& routes) {
  const VertexOptions& vertex = service.options().vertex;
  http::Route predicts = route_of(service, kPredictRow);
  predicts.path = vertex.predict_route;
  add_vertex_route(routes, std::move(predicts), "AIP_PREDICT_ROUTE");
  if (vertex.health_route.empty() || is_health_path(vertex.health_route)) return;
  http::Route healthy = route_of(service, kVertexHealthRow);
  healthy.path = vertex.health_route;
  add_vertex_route(routes, std::move(healthy), "AIP_HEALTH_ROUTE");
}

}  // namespace

/// The one place where a handler's failure becomes a reply.
http::Task<http::Response> answer(Service& service, const Row& row, http::Exchange& exchange) {
  try {
    std::optional<Residence::Lease> lease;
    if (row.needs == Needs::model) lease.emplace(co_await service.residence().enter(exchange));
    if (const auto* at_once = std::get_if<AtOnce>(&row.handler)) {
      co_return (*at_once)(service, exchange.request());
    }
    co_return co_await std::get<Generating>(row.handler)(service, exchange);
  } catch (...) {
    const auto error = error_of_current_exception(exchange.request().id);
    note_error(exchange.notes, error->what());
    co_return error_response(*error);
  }
}

std::span<const RouteRow> route_rows() {
  return kRows;
}

std::vector<http::Route> Service::routes() {
  std::vector<http::Route> routes;
  for (const Row& row : kRows) routes.push_back(route_of(*this, row));
  if (options_.features.ui && options_.http.static_path.empty()) {
    for (const Row& row : kPageRows) routes.push_back(route_of(*this, row));
  }
  if (options_.vertex.is_on) add_vertex_routes(*this, routes);
  return routes;
}

}  // namespace llm::server
