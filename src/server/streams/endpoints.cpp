// /v1/stream and /v1/streams/lookup: taking up a recorded stream again.
#include <charconv>

#include "base/error.h"
#include "server/endpoints.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/streams/output.h"

namespace llm::server {
namespace {

StreamName named_stream(const http::Request& request) {
  const auto id = request.query.find("conv_id");
  if (id == request.query.end() || id->second.empty()) {
    bad_field("conv_id", "Missing conversation id in path");
  }
  return {request.client, id->second};
}

std::uint64_t wanted_offset(const http::Request& request) {
  const auto found = request.query.find("from");
  if (found == request.query.end()) return 0;
  const std::string& text = found->second;
  std::uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error != std::errc() || end != text.data() + text.size()) {
    bad_field("from", "Invalid 'from' offset");
  }
  return offset;
}

}  // namespace

http::Task<http::Response> resume_stream(Service& service, http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  const StreamName name = named_stream(request);
  auto reader = service.streams().follow(name, wanted_offset(request));
  if (!reader) {
    throw RequestError(404, "not_found_error", "no stream is kept for this conversation id");
  }
  exchange.on_client_gone([weak = std::weak_ptr(reader)] {
    if (const auto alive = weak.lock()) alive->leave();
  });
  co_await send_stream(exchange, std::move(reader));
  co_return http::Response{};
}

http::Response forget_stream(Service& service, const http::Request& request) {
  service.streams().forget(named_stream(request));
  return http::json_response(204, "");
}

http::Response find_streams(Service& service, const http::Request& request) {
  const Json body = parse_object(request.body, stream_lookup_fields());
  const Json* list = find(body, "conversation_ids");
  if (list == nullptr) bad_field("conversation_ids", "conversation_ids is missing");
  std::vector<std::string> ids;
  for (const Json& id : *list) {
    if (!id.is_string()) bad_field("conversation_ids", "conversation_ids must be strings");
    ids.push_back(id.get<std::string>());
  }
  Json reply = Json::array();
  for (const StreamState& state : service.streams().find(request.client, ids)) {
    reply.push_back({{"conversation_id", state.conversation},
                     {"is_done", state.is_done},
                     {"total_bytes", state.total_bytes},
                     {"started_at", state.started_at},
                     {"completed_at", state.completed_at}});
  }
  return http::json_response(200, dump(reply));
}

}  // namespace llm::server
