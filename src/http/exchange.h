// One request and its answer: what handlers see.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"

namespace llm::http {

template <class T>
using Task = boost::asio::awaitable<T>;

using Headers = std::vector<std::pair<std::string, std::string>>;

/// How a router names its client to the process that answers; see Request::client.
inline constexpr const char* kClientHeader = "X-Llama-Client";

struct Request {
  std::string method, path;  // path is percent-decoded, without the query and the API prefix
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> params;  // of the route's "{name}" segments and its "*"
  Headers headers;
  std::string body;
  std::string id;    // X-Request-Id, taken or made
  std::string peer;  // address for the log
  /// Who asks: the hash of the API key; empty where no key is needed. Not for the log.
  std::string client;
  /// First value, case-insensitive; empty when absent.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;  // Content-Type and what else the handler wants; lengths are added
  std::string body;
};
/// Content-Type: application/json; charset=utf-8.
Response json_response(int status, std::string body);
/// {"error":{"code":status,"message":...,"type":...}}
Response error_response(int status, std::string_view type, std::string_view message);

/// What a handler wants said about its request once it is answered.
struct Notes {
  std::vector<log::Field> fields;  // of the access log's line
  std::vector<std::string> texts;  // what was generated, for a log of requests
  std::int64_t tokens = 0;         // see Exchange::spend_tokens
  bool complete = true;            // false: the answer was cut off
  bool repeatable = false;         // the same request gives the same texts again
};

/// `error` in the access log. A message may quote the request, so only its beginning.
void note_error(Notes& notes, std::string_view message);

/// One request being answered. Handlers answer by returning a Response, or begin a stream. A
/// RequestError that a handler throws becomes error_response, any other exception a 500 whose
/// details only the log tells.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  /// True once the client has gone (or the server stops and the deadline has passed). Any thread.
  virtual bool client_gone() const = 0;
  /// Called once, from an I/O thread, when the client goes away before the answer is complete; at
  /// once when it has gone already. More than one callback may be given. Must not block.
  virtual void on_client_gone(std::function<void()> callback) = 0;

  /// Sends the head of a stream. text/event-stream unless `headers` say otherwise; chunked unless
  /// they have a Content-Length or the client speaks HTTP/1.0.
  virtual Task<void> begin_stream(Headers headers = {}, int status = 200) = 0;
  /// One chunk; false when the client is gone. Waits while the client reads slowly, up to the
  /// write timeout.
  virtual Task<bool> write(std::string_view chunk) = 0;
  virtual bool stream_begun() const = 0;

  /// Counts against the limit of the request's key, when it has one; while the handler runs.
  virtual void spend_tokens(std::int64_t count) { notes.tokens += count; }
  /// Does the key have such a limit?
  virtual bool counts_tokens() const { return false; }

  /// Goes on on a worker thread: before work of more than a millisecond or that blocks.
  virtual Task<void> to_worker() = 0;

  Notes notes;  // of the handler
};

using Handler = std::function<Task<Response>(Exchange&)>;

}  // namespace llm::http
