// A server on a free port with routes that do what tests need.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/http.h"

namespace llm::http {

/// What the routes tell the tests.
struct Observed {
  std::atomic<int> gone{0};      // on_client_gone callbacks
  std::atomic<int> finished{0};  // handlers of /wait and /endless that have ended
  std::atomic<int> working{0};   // handlers of /work that have begun
};

class TestServer {
 public:
  /// `change` may set settings before the start; `routes` are added to the usual ones.
  explicit TestServer(const std::function<void(ServerSettings&)>& change = {},
                      std::vector<Route> routes = {});

  Server& operator*() { return *server_; }
  Server* operator->() { return server_.get(); }
  int port() const { return server_->port(); }
  Reply ask(const std::string& method, const std::string& path, const std::string& body = {},
            const std::string& headers = {}) const {
    return Client(port()).ask(method, path, body, headers);
  }

  Observed observed;

 private:
  std::unique_ptr<Server> server_;
};

/// Waits until `condition` holds; false after a few seconds.
bool eventually(const std::function<bool()>& condition);

/// A directory that is removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace llm::http
