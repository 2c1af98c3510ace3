// A coroutine HTTP/1.1 server (Boost.Beast parses): connections, TLS, limits, keep-alive, streams,
// CORS, keys and static files. It does not know what the routes mean.
//
// A handler begins on a worker thread, where it may take its time over JSON and tokens. Whatever it
// awaits of an Exchange or a Channel brings it back to an I/O thread: from there on only short
// work, or `co_await exchange.to_worker()` first. So the I/O threads are free to answer `quick`
// routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/channel.h"
#include "http/exchange.h"
#include "http/keys.h"

namespace llm::http {

struct Route {
  std::string method;  // GET answers HEAD as well
  /// Exact, or with "{name}" for one whole segment, or with a last segment "*" for any rest.
  std::string path;
  Handler handler;
  bool is_public = false;      // no key needed
  bool while_loading = false;  // answers before the model is ready
  bool quick = false;          // the handler needs well under a millisecond: no worker thread
};

/// A request whose answer has been sent, or given up.
struct Answered {
  Request& request;    // may be moved from
  const Route* route;  // null when no route takes it
  int status;
  std::uint64_t bytes;  // of the answer's body
  double seconds;       // since its first byte came
  Notes& notes;
};

struct ServerSettings {
  std::string host = "127.0.0.1";  // a path ending in ".sock" is a unix socket
  int port = 8080;
  bool reuse_port = false;
  bool is_behind_router = false;  // the only key is the router's, which names its client
  int threads = 2;                // workers; a few I/O threads are added
  int timeout_s = 3600;           // one write, or one read of a body
  int head_timeout_s = 15;        // a request's head (and the TLS handshake) must arrive within
  int keep_alive_s = 60;          // a connection may idle between requests
  int max_connections = 4096;     // beyond: idle ones are closed, then new ones wait
  std::string api_prefix;
  KeySet keys;
  std::string tls_key_file, tls_cert_file;
  std::size_t max_head_bytes = 64u << 10, max_body_bytes = 100u << 20;
  std::string static_path;  // serve files of this directory below /
  /// Host headers accepted besides local ones; "*": any. Checked on loopback, and elsewhere when
  /// not empty.
  std::vector<std::string> allowed_hosts;
  // CORS; see docs/security.md. Without given origins and without keys only local pages may call.
  std::string cors_origins, cors_methods = "GET, POST, DELETE, OPTIONS", cors_headers = "*";
  bool cors_credentials = true;
  bool cors_origins_given = false;
  /// Told of every request, on an I/O thread: must not block. May be empty.
  std::function<void(const Answered&)> observer;
};

class Server {
 public:
  /// Binds at once (Error names the address and the remedy), serves after run_in_background().
  Server(ServerSettings settings, std::vector<Route> routes);
  ~Server();
  void run_in_background();
  /// Until this is called every route that is not `while_loading` answers 503 "Loading model".
  void set_ready(bool ready);
  /// From now on, also for connections that are open. Requests that run go on, and keys that stay
  /// keep what they have used. Any thread.
  void set_keys(const KeySet& keys);
  /// Reads key and certificate again, for new connections. Error: those before stay. Any thread.
  void reload_certificate();
  int port() const;  // 0 for a unix socket
  /// "http://127.0.0.1:8080", "https://[::1]:8443" or the unix socket's path; for the log.
  std::string address() const;
  /// Stops accepting; open exchanges may finish until the deadline, then they are cut as if the
  /// client had gone. Returns when all threads have ended.
  void stop(std::chrono::milliseconds deadline);
  int open_connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm::http
