#include "server/anthropic/messages.h"

#include "server/anthropic/format.h"
#include "server/anthropic/request.h"
#include "server/chat/job.h"
#include "server/chat/prompt.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {
namespace {

Job make_job(Service& service, const Json& body, const std::string& request) {
  const Json chat_body = chat_body_of_anthropic(body);
  ChatJob chat = make_chat_job(service, chat_body);
  chat.plan.settings.make_id = [] { return random_id("toolu_"); };
  std::vector<std::string> stops;
  if (const Json* own = find(chat_body, "stop")) stops = own->get<std::vector<std::string>>();
  chat.job.format = std::make_unique<AnthropicFormat>(service.serving(), std::move(stops),
                                                      std::move(chat.plan), request);
  return std::move(chat.job);
}

}  // namespace

http::Task<http::Response> anthropic_messages(Service& service, http::Exchange& exchange) {
  try {
    co_return co_await run(
        service, exchange,
        make_job(service, parse_object(exchange.request().body, message_fields()),
                 exchange.request().id));
  } catch (...) {
    const std::string& id = exchange.request().id;
    const auto error = error_of_current_exception(id);
    note_error(exchange.notes, error->what());
    co_return anthropic_error_response(*error, id);
  }
}

http::Response count_anthropic_tokens(Service& service, const http::Request& request) {
  try {
    const Json body = chat_body_of_anthropic(parse_object(request.body, message_fields()));
    return http::json_response(200,
                               dump({{"input_tokens", render_chat(service, body).tokens.size()}}));
  } catch (...) {
    return anthropic_error_response(*error_of_current_exception(request.id), request.id);
  }
}

}  // namespace llm::server
