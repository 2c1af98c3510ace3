// /openapi.json: OpenAPI 3.1 of every route, from the tables that route and check requests.
#include <string>

#include "base/json.h"
#include "options/options.h"
#include "server/endpoints.h"
#include "server/openapi/operations.h"
#include "server/reply/pieces.h"
#include "server/request/field_table.h"
#include "server/request/list_fields.h"
#include "server/request/shape.h"

namespace llm::server {
namespace {

/// Values that rows refer to by name.
constexpr std::string_view kSchemas = R"({
  "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
    "required": ["message", "type"], "properties": {"code": {"type": "integer"},
    "message": {"type": "string"}, "type": {"type": "string"}}}}},
  "Prompt": {"description":
    "A text, token ids, both mixed, an object with a text, or a list of these: several prompts",
    "anyOf": [{"type": "string"}, {"type": "object", "required": ["prompt_string"],
    "properties": {"prompt_string": {"type": "string"}}},
    {"type": "array", "minItems": 1, "items": {"type": ["string", "integer", "array", "object"]}}]},
  "Message": {"type": "object", "required": ["role"], "properties": {
    "role": {"type": "string"},
    "content": {"type": ["string", "array", "null"], "items": {"type": "object",
      "required": ["type"], "properties": {"type": {"type": "string"}}}},
    "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}},
    "tool_call_id": {"type": ["string", "null"]}, "name": {"type": ["string", "null"]},
    "reasoning_content": {"type": ["string", "null"]}}},
  "Tool": {"type": "object", "required": ["type", "function"], "properties": {
    "type": {"const": "function"}, "function": {"type": "object", "required": ["name"],
    "properties": {"name": {"type": "string"}, "description": {"type": "string"},
    "parameters": {"type": "object"}, "strict": {"type": ["boolean", "null"]}}}}}
})";

const char* status_text(int status) {
  switch (status) {
    case 200:
      return "The reply";
    case 204:
      return "Done";
    case 400:
      return "The request is wrong; the message names the field";
    case 401:
      return "The API key is missing or unknown";
    case 403:
      return "Pages of that origin or host may not call, or the feature is off";
    case 404:
      return "There is no such thing";
    case 413:
      return "The body is too large";
    case 415:
      return "The body's coding is not supported";
    case 429:
      return "The key's limit is reached; Retry-After says when to come back";
    case 500:
      return "A fault of the server";
    case 501:
      return "Not enabled, or not possible with this model";
    case 503:
      return "The model is being loaded, or the queue is full";
    default:
      return "";
  }
}

/// What the server may answer before or behind any handler.
constexpr int kEverywhere[] = {401, 403, 429, 500, 503};
constexpr int kWithBody[] = {400, 413, 415};

Json error_response_json(int status) {
  return {
      {"description", status_text(status)},
      {"content", {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}};
}

Json reply_json(const Operation& operation, int status) {
  Json reply = {{"description", status_text(status)}};
  if (status == 204) return reply;
  reply["content"][std::string(operation.type)] = Json::object();
  if (operation.streams) reply["content"]["text/event-stream"] = Json::object();
  return reply;
}

Json responses_json(const Operation& operation) {
  Json responses = Json::object();
  for (const int status : operation.statuses) {
    responses[std::to_string(status)] =
        status < 300 ? reply_json(operation, status) : error_response_json(status);
  }
  for (const int status : kEverywhere)
    responses[std::to_string(status)] = error_response_json(status);
  if (operation.body == Body::none) return responses;
  for (const int status : kWithBody)
    responses[std::to_string(status)] = error_response_json(status);
  return responses;
}

/// The shared fields under each of their names.
Json shared_properties() {
  Json properties = Json::object();
  for (const Field& field : shared_fields()) {
    for (const std::string_view name : field.names) {
      if (!name.empty()) properties[std::string(name)] = schema_of(field);
    }
  }
  add_list_schemas(properties);
  add_shape_schemas(properties);
  return properties;
}

Json body_schema(const Operation& operation) {
  if (operation.body == Body::any) return Json::object();
  Json properties = operation.shared ? shared_properties() : Json::object();
  Json required = Json::array();
  for (const BodyField& field : operation.fields()) {
    properties[std::string(field.name)] = schema_of(field);
    if (field.required) required.push_back(field.name);
  }
  // A field that is null counts as absent, and unknown ones are passed over.
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

/// "#/components/schemas/" and this; bodies are many times the same.
std::string schema_name(const Operation& operation, const std::string& id) {
  return operation.body == Body::any ? "Any" : id + "_request";
}

/// "post_v1_chat_completions".
std::string operation_id(const RouteRow& row) {
  std::string id = row.method;
  for (char& c : id) c = static_cast<char>(c - 'A' + 'a');
  for (const char c : std::string_view(row.path)) {
    if (c == '/' || c == '.' || c == '-') id += '_';
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') id += c;
  }
  return id;
}

Json parameters_json(const Operation& operation) {
  Json list = Json::array();
  for (const Parameter& parameter : operation.query) {
    list.push_back({{"name", parameter.name},
                    {"in", parameter.in},
                    {"required", parameter.in == "path"},
                    {"description", parameter.about},
                    {"schema", {{"type", "string"}}}});
  }
  return list;
}

Json operation_json(const RouteRow& row, const Operation& operation, Json& schemas) {
  const std::string id = operation_id(row);
  Json out = {{"operationId", id},
              {"tags", {operation.tag}},
              {"summary", operation.summary},
              {"responses", responses_json(operation)}};
  if (Json parameters = parameters_json(operation); !parameters.empty()) {
    out["parameters"] = std::move(parameters);
  }
  if (row.access != Access::keyed) out["security"] = Json::array();
  const bool has_body = operation.body != Body::none && row.method != std::string_view("GET");
  if (has_body) {
    const std::string name = schema_name(operation, id);
    schemas[name] = body_schema(operation);
    out["requestBody"] = {
        {"content",
         {{"application/json", {{"schema", {{"$ref", "#/components/schemas/" + name}}}}}}}};
  }
  return out;
}

Json document(const std::string& prefix) {
  Json schemas = Json::parse(kSchemas);
  Json paths = Json::object();
  for (const RouteRow& row : route_rows()) {
    const Operation* operation = operation_of(row.handler);
    if (operation == nullptr) continue;  // a test sees to it that there are none
    std::string method = row.method;
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    paths[row.path][method] = operation_json(row, *operation, schemas);
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "llama-server"},
            {"version", options::build_info()},
            {"license", {{"name", "MIT"}, {"identifier", "MIT"}}}}},
          {"servers", {{{"url", prefix.empty() ? "/" : prefix}}}},
          {"security", {{{"bearer", Json::array()}}, {{"header", Json::array()}}, Json::object()}},
          {"paths", std::move(paths)},
          {"components",
           {{"securitySchemes",
             {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
              {"header", {{"type", "apiKey"}, {"in", "header"}, {"name", "X-Api-Key"}}}}},
            {"schemas", std::move(schemas)}}}};
}

}  // namespace

http::Response openapi(Service& service, const http::Request&) {
  static const std::string text = dump(document(service.options().http.api_prefix));
  return http::json_response(200, text);
}

}  // namespace llm::server
