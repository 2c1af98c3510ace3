// What /openapi.json says of each endpoint besides its path: by handler, so that names of the same
// endpoint share a row.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "server/request/body_fields.h"
#include "server/route_rows.h"

namespace llm::server {

enum class Body {
  none,
  fields,  // an object of `fields`, and with `shared` of those that all generating endpoints share
  any,     // JSON that is not described further
};

struct Parameter {
  std::string_view name, in, about;
};

struct Operation {
  RouteHandler handler = {};  // none: it is the router's
  std::string_view tag = {}, summary = {};
  Body body = Body::none;
  BodyFields (*fields)() = nullptr;
  bool shared = false;                // the fields of field_table.h, list_fields.h and shape.h, too
  bool streams = false;               // with `stream` the reply is text/event-stream
  std::vector<int> statuses = {200};  // besides those that every endpoint may answer
  std::vector<Parameter> query = {};
  std::string_view type = "application/json";  // of the reply
};

/// Null when the table has no row for the handler.
const Operation* operation_of(const RouteHandler& handler);

/// router_operations.cpp: an endpoint that a router answers itself. Null when it has none of that
/// name.
const Operation* router_operation_of(std::string_view method, std::string_view path);

}  // namespace llm::server
