#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "http/connection.h"
#include "http/core.h"
#include "http/http.h"
#include "http/listener.h"
#include "http/static_files.h"
#include "http/strand.h"

namespace llm::http {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// I/O threads do no work of a handler, so few carry many connections; two, so that one that is
/// held up does not hold up all.
int io_threads(int workers) {
  return std::clamp(workers / 4, 2, 8);
}

/// Files and sockets besides the connections: model, log, listening sockets, epoll, ...
constexpr int kOtherDescriptors = 64;

/// How many connections this process may have open; raises the soft limit where that is allowed.
int connection_limit(int wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const auto needed = static_cast<rlim_t>(wanted + kOtherDescriptors);
  if (limit.rlim_cur < needed) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : std::min(needed, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= needed) return wanted;
  return std::max(1, static_cast<int>(limit.rlim_cur) - kOtherDescriptors);
}

/// A client that was cut still has its handler to end.
constexpr std::chrono::seconds kCutGrace{5};

}  // namespace

class Server::Impl {
 public:
  Impl(ServerSettings settings, std::vector<Route> routes)
      : accept_strand_(Strand(io_.get_executor())),
        bound_(bind(settings, io_, accept_strand_)),
        workers_(static_cast<std::size_t>(std::max(1, settings.threads))) {
    core_.reset(new Core{.settings = settings,
                         .access = AccessPolicy(settings, bound_.is_loopback),
                         .keys = KeyTable(settings.keys),
                         .router = Router(std::move(routes)),
                         .static_files = {},
                         .workers = &workers_});
    core_->settings.max_connections = connection_limit(settings.max_connections);
    if (!settings.static_path.empty())
      core_->static_files = Route{.method = "GET",
                                  .path = "/*",
                                  .handler = static_file_handler(settings.static_path),
                                  .while_loading = true};
    if (!settings.tls_cert_file.empty() || !settings.tls_key_file.empty())
      tls_ = std::make_unique<TlsContext>(settings.tls_key_file, settings.tls_cert_file);
  }

  ~Impl() { stop(std::chrono::milliseconds(0)); }

  void run() {
    for (const auto& listener : bound_.listeners)
      asio::co_spawn(accept_strand_,
                     listener->accept(
                         [this](Socket socket, std::string peer) {
                           connected(std::move(socket), std::move(peer));
                         },
                         [this] { return has_room(); }),
                     asio::detached);
    for (int i = 0; i < io_threads(core_->settings.threads); ++i)
      threads_.emplace_back([this] { run_io(); });
  }

  void stop(std::chrono::milliseconds deadline) {
    if (core_->stopping.exchange(true)) return;
    asio::post(accept_strand_, [this] {
      for (const auto& listener : bound_.listeners) listener->close();
    });
    for (const auto& connection : open()) connection->close_when_idle();
    if (!wait_until_empty(deadline)) {
      for (const auto& connection : open()) connection->cut();
      wait_until_empty(kCutGrace);
    }
    work_.reset();
    io_.stop();
    for (auto& thread : threads_) thread.join();
    workers_.stop();
    workers_.join();
  }

  int port() const { return bound_.listeners.front()->port(); }

  std::string address() const {
    if (port() == 0) return core_->settings.host;
    const auto& host = core_->settings.host;
    const bool is_bare_v6 = host.find(':') != host.npos && !host.starts_with('[');
    return fmt::format("{}://{}{}{}:{}", tls_ ? "https" : "http", is_bare_v6 ? "[" : "", host,
                       is_bare_v6 ? "]" : "", port());
  }

  int open_connections() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(connections_.size());
  }

  void reload_certificate() {
    if (tls_) tls_->reload();
  }

  Core& core() { return *core_; }

 private:
  void run_io() {
    // Handlers' exceptions end in Connection::call; one that gets here is a bug of this room.
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {
        log::error("HTTP I/O thread: {}", error.what());
      }
    }
  }

  void connected(Socket socket, std::string peer) {
    const asio::any_io_executor strand = socket.get_executor();
    auto stream = tls_ ? tls_->stream(std::move(socket)) : plain_stream(std::move(socket));
    const auto connection =
        std::make_shared<Connection>(strand, *core_, std::move(stream), std::move(peer));
    {
      const std::lock_guard lock(mutex_);
      connections_.emplace(connection.get(), connection);
    }
    // A connection that was accepted while stop() collected them.
    if (core_->stopping) connection->close_when_idle();
    asio::co_spawn(strand, connection->run(),
                   [this, connection](std::exception_ptr problem) { ended(*connection, problem); });
  }

  void ended(Connection& connection, std::exception_ptr problem) {
    try {
      if (problem) std::rethrow_exception(problem);
    } catch (const std::exception& error) {
      log::error("HTTP connection: {}", error.what());
    }
    const std::lock_guard lock(mutex_);
    connections_.erase(&connection);
    if (connections_.empty()) emptied_.notify_all();
  }

  /// Makes room by closing the connection that idles longest.
  bool has_room() {
    if (open_connections() < core_->settings.max_connections) return true;
    const auto all = open();
    if (all.empty()) return true;
    const auto oldest = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a->idle_since() < b->idle_since();
    });
    if ((*oldest)->idle_since() != Clock::time_point::max()) (*oldest)->close_when_idle();
    return false;
  }

  std::vector<std::shared_ptr<Connection>> open() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Connection>> out;
    for (const auto& [key, weak] : connections_)
      if (auto connection = weak.lock()) out.push_back(std::move(connection));
    return out;
  }

  bool wait_until_empty(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return emptied_.wait_for(lock, limit, [this] { return connections_.empty(); });
  }

  // Destroyed from below: first what may still hold coroutines, then what these refer to.
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections_;  // guarded by mutex_
  std::unique_ptr<TlsContext> tls_;
  std::unique_ptr<Core> core_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::any_io_executor accept_strand_;
  Bound bound_;
  asio::thread_pool workers_;
  std::vector<std::thread> threads_;
};

Server::Server(ServerSettings settings, std::vector<Route> routes)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(routes))) {}
Server::~Server() = default;

void Server::run_in_background() {
  impl_->run();
}
void Server::set_keys(const KeySet& keys) {
  impl_->core().keys.set(keys);
}
void Server::reload_certificate() {
  impl_->reload_certificate();
}
void Server::set_ready(bool ready) {
  impl_->core().ready = ready;
}
int Server::port() const {
  return impl_->port();
}
std::string Server::address() const {
  return impl_->address();
}
void Server::stop(std::chrono::milliseconds deadline) {
  impl_->stop(deadline);
}
int Server::open_connections() const {
  return impl_->open_connections();
}

}  // namespace llm::http
