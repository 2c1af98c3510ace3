#include "server/vertex.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <utility>

#include "base/error.h"
#include "server/errors.h"
#include "server/local_exchange.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {
namespace {

constexpr std::size_t kMostInstances = 128;
constexpr std::string_view kVersion = "/v1/";

/// "/v1/chat/completions": "chatCompletions".
std::string word_of(std::string_view path) {
  path.remove_prefix(path.starts_with(kVersion) ? kVersion.size() : 1);
  std::string word;
  bool is_next = false;
  for (const char c : path) {
    const bool is_letter = c >= 'a' && c <= 'z';
    if (c != '/' && c != '-' && c != '_')
      word += is_next && is_letter ? static_cast<char>(c - 'a' + 'A') : c;
    is_next = c == '/' || c == '-' || c == '_';
  }
  return word;
}

std::map<std::string, const RouteRow*> formats() {
  std::map<std::string, const RouteRow*> out;
  for (const RouteRow& row : route_rows()) {
    const std::string_view path = row.path;
    if (row.method != std::string_view("POST") || path.find('{') != path.npos) continue;
    out[std::string(path)] = &row;
    if (path.starts_with(kVersion))
      out[word_of(path)] = &row;
    else
      out.emplace(word_of(path), &row);
  }
  return out;
}

/// One instance while it is answered.
struct Instance {
  const RouteRow* row = nullptr;
  std::unique_ptr<LocalExchange> exchange;  // null: refused
  std::string prediction;
};

std::string refusal(const std::string& message) {
  return error_response(RequestError(400, "invalid_request_error", message)).body;
}

Instance make_instance(Json json, http::Exchange& around) {
  Instance out;
  if (!json.is_object()) {
    out.prediction = refusal("each instance must be a JSON object");
    return out;
  }
  const Json* format = find(json, "@requestFormat");
  if (format == nullptr || !format->is_string()) {
    out.prediction = refusal("each instance must include a string @requestFormat");
    return out;
  }
  const std::string name = format->get<std::string>();
  out.row = row_of_format(name);
  if (out.row == nullptr) {
    out.prediction = refusal("no handler registered for @requestFormat: " + name);
    return out;
  }
  json.erase("@requestFormat");
  json["stream"] = false;
  http::Request request;
  request.method = "POST";
  request.path = out.row->path;
  request.id = around.request().id;
  request.peer = around.request().peer;
  request.client = around.request().client;
  request.body = dump(json);
  out.exchange = std::make_unique<LocalExchange>(std::move(request), &around);
  return out;
}

http::Task<http::Response> run_instance(Service& service, http::Exchange& around,
                                        const RouteRow& row, LocalExchange& exchange) {
  co_await around.to_worker();  // where handlers begin
  co_return co_await answer(service, row, exchange);
}

/// Adds up what the instances tell of themselves; texts stay in their order.
void add_notes(http::Notes& all, http::Notes& one) {
  for (log::Field& field : one.fields) {
    const auto same = std::find_if(all.fields.begin(), all.fields.end(),
                                   [&](const auto& other) { return other.name == field.name; });
    if (same == all.fields.end()) {
      all.fields.push_back(std::move(field));
      continue;
    }
    if (auto* whole = std::get_if<std::int64_t>(&same->value)) {
      if (const auto* more = std::get_if<std::int64_t>(&field.value)) *whole += *more;
    } else if (auto* number = std::get_if<double>(&same->value)) {
      if (const auto* more = std::get_if<double>(&field.value)) *number += *more;
    }
  }
  all.texts.insert(all.texts.end(), std::make_move_iterator(one.texts.begin()),
                   std::make_move_iterator(one.texts.end()));
  all.complete &= one.complete;
  if (!one.texts.empty() || !one.fields.empty()) all.repeatable &= one.repeatable;
}

std::vector<Json> instances_of(const std::string& body) {
  Json json = parse_body(body);
  if (!json.is_object()) bad_field("", "request body must be a JSON object");
  const auto list = json.find("instances");
  if (list == json.end() || !list->is_array()) {
    bad_field("instances", "request body must include an array field named instances");
  }
  if (list->size() > kMostInstances) {
    bad_field("instances",
              fmt::format("instances array exceeds maximum size of {}", kMostInstances));
  }
  return std::move(list->get_ref<Json::array_t&>());
}

}  // namespace

const RouteRow* row_of_format(const std::string& format) {
  static const auto all = formats();
  const auto found = all.find(format);
  return found == all.end() ? nullptr : found->second;
}

http::Task<http::Response> predict(Service& service, http::Exchange& exchange) {
  auto instances = std::make_shared<std::vector<Instance>>();
  for (Json& json : instances_of(exchange.request().body)) {
    instances->push_back(make_instance(std::move(json), exchange));
  }
  // Kept by those who run, too: on the way out of the server nobody knows who goes first.
  http::Channel<std::size_t> ended;
  const auto executor = co_await boost::asio::this_coro::executor;
  std::size_t running = 0;
  for (std::size_t i = 0; i < instances->size(); ++i) {
    Instance& one = instances->at(i);
    if (!one.exchange) continue;
    ++running;
    boost::asio::co_spawn(
        executor, run_instance(service, exchange, *one.row, *one.exchange),
        [instances, ended, i](std::exception_ptr problem, http::Response response) mutable {
          // answer() lets no exception out but want of memory.
          instances->at(i).prediction =
              problem ? refusal("internal error") : std::move(response.body);
          ended.push(i);
        });
  }
  for (; running > 0; --running) co_await ended.next();
  co_await exchange.to_worker();  // replies may be large
  std::string body;
  std::int64_t tokens = 0;
  exchange.notes.repeatable = true;
  for (Instance& one : *instances) {
    body += (body.empty() ? "" : ",") + (one.prediction.empty() ? "null" : one.prediction);
    if (!one.exchange) continue;
    tokens += one.exchange->notes.tokens;
    add_notes(exchange.notes, one.exchange->notes);
  }
  if (tokens > 0) exchange.spend_tokens(tokens);
  co_return http::json_response(200, R"({"predictions":[)" + body + "]}");
}

}  // namespace llm::server
