// The table of endpoints, for those that walk it: routing (routes.cpp) and /openapi.json.
#pragma once

#include <span>
#include <variant>

#include "http/http.h"
#include "server/service.h"

namespace llm::server {

using AtOnce = http::Response (*)(Service&, const http::Request&);
using Generating = http::Task<http::Response> (*)(Service&, http::Exchange&);
using RouteHandler = std::variant<AtOnce, Generating>;

enum class Access {
  keyed,       // needs the API key when there is one, and the model
  open,        // no key
  open_early,  // no key, and answers while the model loads
};
enum class Effort { usual, quick };  // quick: no worker thread is needed
enum class Needs {
  model,    // wakes it when it sleeps
  nothing,  // neither wakes it nor keeps it awake; the handler looks whether it is there
};

struct RouteRow {
  const char* method;
  const char* path;
  RouteHandler handler;
  Access access = Access::keyed;
  Effort effort = Effort::usual;
  Needs needs = Needs::model;
};

/// All but the files of the page and those of Vertex AI, which only some servers have.
std::span<const RouteRow> route_rows();

/// What the row's handler answers, with its failures as replies.
http::Task<http::Response> answer(Service& service, const RouteRow& row, http::Exchange& exchange);

}  // namespace llm::server
