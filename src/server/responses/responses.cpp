#include "server/responses/responses.h"

#include <fmt/format.h>

#include "base/error.h"
#include "server/chat/job.h"
#include "server/chat/prompt.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/responses/format.h"
#include "server/responses/request.h"

namespace llm::server {
namespace {

[[noreturn]] void not_found(const std::string& id) {
  throw RequestError(404, "not_found_error", fmt::format("Response with id '{}' not found.", id));
}

const std::string& id_of(const http::Request& request) {
  return request.params.at("id");
}

/// The items of the turns before the one that `body` asks for.
Json earlier_items(Service& service, const Json& body) {
  const Json* previous = find(body, "previous_response_id");
  if (previous == nullptr) return Json::array();
  const std::string id = read_string("previous_response_id", *previous);
  const auto stored = service.responses().find(id);
  if (!stored) {
    bad_field("previous_response_id", fmt::format("Previous response with id '{}' not found.", id));
  }
  return stored->conversation;
}

Json joined(Json items, const Json& more) {
  for (const Json& item : more) items.push_back(item);
  return items;
}

bool flag(const Json& body, const char* name, bool otherwise) {
  const Json* value = find(body, name);
  return value == nullptr ? otherwise : read_bool(name, *value);
}

Job make_job(Service& service, Json body) {
  ResponsesFormat::Setup setup{.body = {},
                               .input = response_items(body),
                               .earlier = earlier_items(service, body),
                               .store = flag(body, "store", true)};
  ChatJob chat =
      make_chat_job(service, chat_body_of_response(body, joined(setup.earlier, setup.input)));
  chat.plan.settings.make_id = [] { return random_id("call_"); };
  setup.body = std::move(body);
  chat.job.format =
      std::make_unique<ResponsesFormat>(service.serving(), service.responses(), chat.job.params,
                                        std::move(setup), std::move(chat.plan));
  return std::move(chat.job);
}

}  // namespace

http::Task<http::Response> responses(Service& service, http::Exchange& exchange) {
  co_return co_await run(
      service, exchange,
      make_job(service, parse_object(exchange.request().body, response_fields())));
}

http::Response stored_response(Service& service, const http::Request& request) {
  const auto stored = service.responses().find(id_of(request));
  if (!stored) not_found(id_of(request));
  return http::json_response(200, dump(stored->response));
}

http::Response delete_response(Service& service, const http::Request& request) {
  const std::string& id = id_of(request);
  if (!service.responses().erase(id)) not_found(id);
  return http::json_response(200, dump({{"id", id}, {"object", "response"}, {"deleted", true}}));
}

http::Response response_input_items(Service& service, const http::Request& request) {
  const auto stored = service.responses().find(id_of(request));
  if (!stored) not_found(id_of(request));
  Json data = Json::array();
  for (const Json& item : stored->input) data.push_back(item);
  return http::json_response(
      200, dump({{"object", "list"}, {"data", std::move(data)}, {"has_more", false}}));
}

http::Response count_response_tokens(Service& service, const http::Request& request) {
  const Json body = parse_object(request.body, response_fields());
  const Json items = joined(earlier_items(service, body), response_items(body));
  const ChatPrompt prompt = render_chat(service, chat_body_of_response(body, items));
  return http::json_response(
      200, dump({{"input_tokens", prompt.tokens.size()}, {"object", "response.input_tokens"}}));
}

}  // namespace llm::server
