// A coroutine HTTP/1.1 server (Boost.Beast): connections, TLS, limits, keep-alive, streams, CORS,
// keys and static files. It does not know what the routes mean.
// Handlers are coroutines that run on a few I/O threads and never block.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llm::http {

template <class T>
using Task = boost::asio::awaitable<T>;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, path;  // path is percent-decoded, without the query and the API prefix
  std::map<std::string, std::string> query;
  Headers headers;
  std::string body;
  std::string id;    // X-Request-Id, taken or made
  std::string peer;  // address for the log
  /// First value, case-insensitive; empty when absent.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};
/// Content-Type: application/json; charset=utf-8.
Response json_response(int status, std::string body);

/// One request being answered. Handlers answer by returning a Response, or begin a stream.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  /// True once the client has gone; waits on a Channel bound to this exchange end then.
  virtual bool client_gone() const = 0;
  /// Called once, from an I/O thread, when the client goes away before the answer is complete.
  virtual void on_client_gone(std::function<void()> callback) = 0;

  /// Sends the head of a stream (chunked, text/event-stream unless `headers` say otherwise).
  virtual Task<void> begin_stream(Headers headers = {}) = 0;
  /// One chunk; false when the client is gone. Waits while the client reads slowly, up to the
  /// write timeout.
  virtual Task<bool> write(std::string_view chunk) = 0;
  virtual bool stream_begun() const = 0;
};

/// Values from any thread to one waiting coroutine. push() never blocks.
template <class T>
class Channel {
 public:
  Channel();
  ~Channel();
  void push(T value);
  void close();
  /// The next value; nullopt when closed and empty. With a timeout: nullopt and timed_out() true.
  Task<std::optional<T>> next(std::chrono::milliseconds timeout = std::chrono::milliseconds::max());
  bool timed_out() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

using Handler = std::function<Task<Response>(Exchange&)>;

struct Route {
  std::string method, path;
  Handler handler;
  bool is_public = false;      // no key needed
  bool while_loading = false;  // answers before the model is ready
};

struct ServerSettings {
  std::string host = "127.0.0.1";  // a path ending in ".sock" is a unix socket
  int port = 8080;
  int threads = 2;
  int timeout_s = 3600;  // read and write
  std::string api_prefix;
  std::vector<std::string> api_keys;
  std::string tls_key_file, tls_cert_file;
  std::size_t max_body_bytes = 100u << 20;
  std::string static_path;                 // serve files of this directory below /
  std::vector<std::string> allowed_hosts;  // Host headers accepted on loopback besides local ones
  // CORS; see docs/security.md
  std::string cors_origins, cors_methods = "GET, POST, DELETE, OPTIONS", cors_headers = "*";
  bool cors_credentials = true;
  bool cors_origins_given = false;
};

class Server {
 public:
  /// Binds at once (Error names the address and the remedy), serves after run_in_background().
  Server(ServerSettings settings, std::vector<Route> routes);
  ~Server();
  void run_in_background();
  /// Until this is called every route that is not `while_loading` answers 503 "Loading model".
  void set_ready(bool ready);
  int port() const;
  /// Stops accepting; open exchanges may finish until the deadline, then they are cut.
  void stop(std::chrono::milliseconds deadline);
  /// Requests by status code since start, for metrics.
  std::map<int, std::int64_t> status_counts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm::http
