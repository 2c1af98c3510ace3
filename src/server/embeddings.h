// /v1/embeddings in OpenAI's form, /embedding and /embeddings in the native one.
#pragma once

#include "http/http.h"
#include "server/service.h"

namespace llm::server {

http::Task<http::Response> oai_embeddings(Service& service, http::Exchange& exchange);
http::Task<http::Response> native_embeddings(Service& service, http::Exchange& exchange);

}  // namespace llm::server
