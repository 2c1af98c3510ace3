// /v1/chat/completions/control: ends the thoughts of a running request.
#include "base/error.h"
#include "base/json.h"
#include "server/endpoints.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {

http::Response chat_control(Service& service, const http::Request& request) {
  const Json body = parse_object(request.body, control_fields());
  const Json* id = find(body, "id");
  if (id == nullptr || read_string("id", *id).empty()) bad_field("id", "missing completion id");
  const Json* action = find(body, "action");
  if (action == nullptr || read_string("action", *action) != "reasoning_end") {
    bad_field("action", "unknown control action");
  }
  Json reply = {{"success", true}};
  switch (service.live().end_reasoning(read_string("id", *id))) {
    case LiveRequests::Ended::yes:
      break;
    case LiveRequests::Ended::not_allowed:
      reply = {{"success", false},
               {"message", "reasoning control not enabled for this completion"}};
      break;
    case LiveRequests::Ended::unknown:
      reply = {{"success", false}, {"message", "no active completion for this id"}};
      break;
  }
  return http::json_response(200, dump(reply));
}

}  // namespace llm::server
