#include "server/openapi/document.h"

#include <vector>

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
    case 502:
      return "The model's process ended, or cannot be reached";
    case 503:
      return "The model is being loaded, or the queue is full";
    default:
      return "";
  }
}

/// What the server may answer before or behind any handler.
constexpr int kEverywhere[] = {401, 403, 429, 500, 503};
constexpr int kWithBody[] = {400, 413, 415};
/// What a router answers before and behind a model.
constexpr int kPassedOn[] = {400, 502};

/// One method of one path.
struct Entry {
  std::string_view method, path;
  bool is_open;
  const Operation* operation;
  bool is_passed_on = false;  // by a router, to the model that the request names
};

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

Json responses_json(const Entry& entry) {
  const Operation& operation = *entry.operation;
  Json responses = Json::object();
  for (const int status : operation.statuses) {
    responses[std::to_string(status)] =
        status < 300 ? reply_json(operation, status) : error_response_json(status);
  }
  for (const int status : kEverywhere)
    responses[std::to_string(status)] = error_response_json(status);
  if (entry.is_passed_on)
    for (const int status : kPassedOn)
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

Json body_schema(const Entry& entry) {
  const Operation& operation = *entry.operation;
  if (operation.body == Body::any) return Json::object();
  Json properties = operation.shared ? shared_properties() : Json::object();
  Json required = Json::array();
  for (const BodyField& field : operation.fields()) {
    properties[std::string(field.name)] = schema_of(field);
    if (field.required) required.push_back(field.name);
  }
  if (entry.is_passed_on)
    properties["model"] = {{"type", "string"}, {"description", "name or alias of the model"}};
  // A field that is null counts as absent, and unknown ones are passed over.
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

/// "#/components/schemas/" and this; bodies are many times the same.
std::string schema_name(const Operation& operation, const std::string& id) {
  return operation.body == Body::any ? "Any" : id + "_request";
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// "post_v1_chat_completions".
std::string operation_id(const Entry& entry) {
  std::string id = lower(entry.method);
  for (const char c : entry.path) {
    if (c == '/' || c == '.' || c == '-') id += '_';
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') id += c;
  }
  return id;
}

Json parameters_json(const Entry& entry) {
  Json list = Json::array();
  const auto add = [&](const Parameter& parameter) {
    list.push_back({{"name", parameter.name},
                    {"in", parameter.in},
                    {"required", parameter.in == "path"},
                    {"description", parameter.about},
                    {"schema", {{"type", "string"}}}});
  };
  for (const Parameter& parameter : entry.operation->query) add(parameter);
  if (entry.is_passed_on) {
    add({"model", "query", "name or alias of the model, unless the body names it"});
    add({"autoload", "query", "true or false: whether the model may be loaded for this request"});
  }
  return list;
}

Json operation_json(const Entry& entry, Json& schemas) {
  const Operation& operation = *entry.operation;
  const std::string id = operation_id(entry);
  Json out = {{"operationId", id},
              {"tags", {operation.tag}},
              {"summary", operation.summary},
              {"responses", responses_json(entry)}};
  if (Json parameters = parameters_json(entry); !parameters.empty()) {
    out["parameters"] = std::move(parameters);
  }
  if (entry.is_open) out["security"] = Json::array();
  const bool has_body = operation.body != Body::none && entry.method != "GET";
  if (has_body) {
    const std::string name = schema_name(operation, id);
    schemas[name] = body_schema(entry);
    out["requestBody"] = {
        {"content",
         {{"application/json", {{"schema", {{"$ref", "#/components/schemas/" + name}}}}}}}};
  }
  return out;
}

Json document(std::span<const Entry> entries, const std::string& prefix) {
  Json schemas = Json::parse(kSchemas);
  Json paths = Json::object();
  for (const Entry& entry : entries)
    paths[std::string(entry.path)][lower(entry.method)] = operation_json(entry, schemas);
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

const Operation* operation_of_route(std::string_view method, std::string_view path) {
  for (const RouteRow& row : route_rows())
    if (row.method == method && row.path == path) return operation_of(row.handler);
  return nullptr;
}

/// Of one model.
std::vector<Entry> all_entries() {
  std::vector<Entry> entries;
  for (const RouteRow& row : route_rows())
    if (const Operation* operation = operation_of(row.handler))  // a test sees to it
      entries.push_back({row.method, row.path, row.access != Access::keyed, operation});
  return entries;
}

}  // namespace

std::string describe_router(std::span<const http::Route> routes, const std::string& prefix) {
  std::vector<Entry> entries;
  for (const http::Route& route : routes) {
    Entry entry{route.method, route.path, route.is_public,
                router_operation_of(route.method, route.path)};
    if (entry.operation == nullptr) {
      entry.operation = operation_of_route(route.method, route.path);
      entry.is_passed_on = !route.while_loading;
    }
    if (entry.operation != nullptr) entries.push_back(entry);  // not the files of the page
  }
  return dump(document(entries, prefix));
}

http::Response openapi(Service& service, const http::Request&) {
  if (!service.description().empty()) return http::json_response(200, service.description());
  static const std::string text = dump(document(all_entries(), service.options().http.api_prefix));
  return http::json_response(200, text);
}

}  // namespace llm::server
