// Handlers of the endpoints that answer at once. Those that generate are in native.h,
// oai_completions.h, infill.h, chat/, responses/ and anthropic/. The table of all is routes.cpp.
#pragma once

#include "http/http.h"
#include "server/service.h"

namespace llm::server {

// health.cpp
http::Response health(Service& service, const http::Request& request);

// models.cpp
http::Response models(Service& service, const http::Request& request);

// props.cpp
http::Response props(Service& service, const http::Request& request);
http::Response set_props(Service& service, const http::Request& request);

// slots.cpp
http::Response slots(Service& service, const http::Request& request);
http::Task<http::Response> slot_action(Service& service, http::Exchange& exchange);

// metrics.cpp
http::Response metrics(Service& service, const http::Request& request);

// tokens.cpp
http::Response tokenize(Service& service, const http::Request& request);
http::Response detokenize(Service& service, const http::Request& request);
http::Response apply_template(Service& service, const http::Request& request);
http::Response count_chat_tokens(Service& service, const http::Request& request);

// chat/control.cpp
http::Response chat_control(Service& service, const http::Request& request);

// lora.cpp
http::Response lora_adapters(Service& service, const http::Request& request);
http::Response set_lora_adapters(Service& service, const http::Request& request);
http::Response load_lora_adapter(Service& service, const http::Request& request);
http::Response remove_lora_adapter(Service& service, const http::Request& request);

// absent.cpp: features that are off
http::Response no_audio(Service& service, const http::Request& request);
http::Response feature_disabled(Service& service, const http::Request& request);

// streams/endpoints.cpp: replies that were recorded
http::Task<http::Response> resume_stream(Service& service, http::Exchange& exchange);
http::Response forget_stream(Service& service, const http::Request& request);
http::Response find_streams(Service& service, const http::Request& request);

// openapi/document.cpp: what is described here, for programs
http::Response openapi(Service& service, const http::Request& request);

// page.cpp: the built-in chat page and the one that shows the description
http::Response page(Service& service, const http::Request& request);

}  // namespace llm::server
