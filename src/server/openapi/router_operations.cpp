// Endpoints that the server of many models answers itself, or otherwise than one model does.
#include <algorithm>

#include "server/openapi/operations.h"

namespace llm::server {
namespace {

// clang-format off
constexpr BodyField kModel[] = {{"model", kString, "its name or alias", {}, true}};
constexpr BodyField kDownload[] = {
    {"model", kString, "USER/REPO or USER/REPO:QUANT", R"({"minLength":1})", true}};

BodyFields model_fields() { return kModel; }
BodyFields download_fields() { return kDownload; }

constexpr Parameter kOfModel = {"model", "query", "the answer of that model"};
constexpr Parameter kId = {"id", "path", "of the response"};

struct Row {
  std::vector<std::string_view> methods, paths;
  Operation operation;
};

const Row kRows[] = {
    {{"GET"}, {"/health", "/v1/health", "/readyz"},
     {.tag = "Server", .summary = "Is the router there?"}},
    {{"GET"}, {"/models", "/v1/models"},
     {.tag = "Models", .summary = "All models: what they are, whether they run, why not",
      .query = {{"reload", "query", "1: the directory, the preset file and the cache are read anew"}}}},
    {{"POST"}, {"/models"},
     {.tag = "Models", .summary = "Downloads a model into the cache, in the background",
      .body = Body::fields, .fields = download_fields, .statuses = {200, 501}}},
    {{"DELETE"}, {"/models"},
     {.tag = "Models", .summary = "Unloads a model of the cache and deletes it",
      .statuses = {200, 400}, .query = {{"model", "query", "its name"}}}},
    {{"POST"}, {"/models/load"},
     {.tag = "Models", .summary = "Begins to load a model", .body = Body::fields,
      .fields = model_fields, .statuses = {200, 404}}},
    {{"POST"}, {"/models/unload"},
     {.tag = "Models", .summary = "Stops a model; what it answers may end within its stop-timeout",
      .body = Body::fields, .fields = model_fields}},
    {{"GET"}, {"/models/sse"},
     {.tag = "Models", .summary = "Events: every change of a model, and how far downloads are",
      .type = "text/event-stream"}},
    {{"GET"}, {"/props"},
     {.tag = "Server", .summary = "Settings of the router, or of one model",
      .statuses = {200, 400, 502}, .query = {kOfModel}}},
    {{"GET"}, {"/metrics"},
     {.tag = "Server", .summary = "Prometheus metrics of the router, or of one model; needs --metrics",
      .statuses = {200, 400, 501, 502}, .query = {kOfModel}, .type = "text/plain"}},
    {{"GET", "DELETE"}, {"/v1/responses/{id}"},
     {.tag = "Chat", .summary = "A kept response: reads it, forgets it",
      .statuses = {200, 400, 404, 502}, .query = {kId, kOfModel}}},
    {{"GET"}, {"/v1/responses/{id}/input_items"},
     {.tag = "Chat", .summary = "What a kept response was asked with",
      .statuses = {200, 400, 404, 502}, .query = {kId, kOfModel}}},
    {{"GET"}, {"/v1/stream"},
     {.tag = "Streams", .summary = "A recorded stream from a byte on, and what follows",
      .statuses = {200, 400, 404, 410, 502},
      .query = {{"conv_id", "query", "X-Conversation-Id of the request that began it"},
                {"from", "query", "offset of the first byte that is wanted; default 0"}},
      .type = "text/event-stream"}},
    {{"DELETE"}, {"/v1/stream"},
     {.tag = "Streams", .summary = "Ends and forgets a recorded stream",
      .statuses = {204, 400, 502}, .query = {{"conv_id", "query", "of the stream"}}}},
    {{"POST"}, {"/v1/streams/lookup"},
     {.tag = "Streams", .summary = "Which conversations have a recorded stream",
      .body = Body::fields,
      .fields = stream_lookup_fields, .statuses = {200, 502}}},
};
// clang-format on

bool contains(const std::vector<std::string_view>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

const Operation* router_operation_of(std::string_view method, std::string_view path) {
  for (const Row& row : kRows)
    if (contains(row.methods, method) && contains(row.paths, path)) return &row.operation;
  return nullptr;
}

}  // namespace llm::server
