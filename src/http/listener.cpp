#include "http/listener.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "http/strand.h"

namespace llm::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using std::chrono::milliseconds;

constexpr milliseconds kRoomPoll{10};      // while all connections are taken
constexpr milliseconds kAcceptPause{100};  // after an accept that failed, for lack of descriptors

std::string name_of(const tcp::endpoint& at) {
  return at.address().to_string();
}
std::string name_of(const Local::endpoint&) {
  return "unix";
}

void tune(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);  // tokens are small and must not wait
}
void tune(Local::socket&) {}

template <class Protocol>
class SocketListener final : public Listener {
 public:
  using Acceptor = asio::basic_socket_acceptor<Protocol>;

  SocketListener(asio::io_context& io, Acceptor acceptor, int port, std::string unlink_path = {})
      : io_(io),
        acceptor_(std::move(acceptor)),
        port_(port),
        unlink_path_(std::move(unlink_path)) {}
  ~SocketListener() override {
    if (!unlink_path_.empty()) ::unlink(unlink_path_.c_str());
  }

  Task<void> accept(std::function<void(Socket, std::string)> connected,
                    std::function<bool()> has_room) override {
    asio::steady_timer pause(acceptor_.get_executor());
    while (acceptor_.is_open()) {
      const asio::any_io_executor strand = Strand(io_.get_executor());
      typename Protocol::socket socket(strand);
      typename Protocol::endpoint peer;
      const auto [ec] =
          co_await acceptor_.async_accept(socket, peer, asio::as_tuple(asio::use_awaitable));
      if (!ec) {
        while (acceptor_.is_open() && !has_room()) {
          pause.expires_after(kRoomPoll);
          co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        tune(socket);
        connected(Socket(std::move(socket)), name_of(peer));
      } else if (ec != asio::error::operation_aborted) {
        log::warn("cannot accept a connection: {}", ec.message());
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      }
    }
  }

  void close() override {
    error_code ignored;
    acceptor_.close(ignored);
  }
  int port() const override { return port_; }

 private:
  asio::io_context& io_;
  Acceptor acceptor_;
  int port_;
  std::string unlink_path_;
};

void check(const error_code& ec, const std::string& address, const char* remedy) {
  if (ec) fail("cannot listen on {}: {}{}", address, ec.message(), remedy);
}

std::string address_text(const tcp::endpoint& at) {
  const auto host = at.address().to_string();
  return at.address().is_v6() ? fmt::format("[{}]:{}", host, at.port())
                              : fmt::format("{}:{}", host, at.port());
}

/// The host's name has this address, but the machine cannot use it (no IPv6, not ours).
bool is_unusable(const error_code& ec) {
  return ec == asio::error::address_family_not_supported ||
         ec == boost::system::errc::address_not_available;
}

/// Nullopt when the address is unusable: `why_not` tells.
std::optional<tcp::acceptor> bound_acceptor(const tcp::endpoint& at, const ServerSettings& settings,
                                            bool v6_only, const asio::any_io_executor& strand,
                                            std::string& why_not) {
  const auto address = address_text(at);
  tcp::acceptor acceptor(strand);
  error_code ec;
  acceptor.open(at.protocol(), ec);
  if (!ec) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (at.address().is_v6()) acceptor.set_option(asio::ip::v6_only(v6_only), ec);
    const int on = 1;
    if (settings.reuse_port &&
        ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
      check(error_code(errno, boost::system::system_category()), address, "");
    acceptor.bind(at, ec);
  }
  if (is_unusable(ec)) {
    why_not = fmt::format("cannot listen on {}: {}", address, ec.message());
    return std::nullopt;
  }
  check(ec, address,
        ec == asio::error::access_denied
            ? "; ports below 1024 need privileges, choose another with --port"
            : "; choose another --port or --host, or stop the program that uses it");
  acceptor.listen(asio::socket_base::max_listen_connections, ec);
  check(ec, address, "");
  return acceptor;
}

std::vector<tcp::endpoint> addresses_of(std::string host, int port,
                                        const asio::any_io_executor& strand) {
  // Brackets belong to URLs; people copy them from there.
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  tcp::resolver resolver(strand);
  error_code ec;
  const auto found = resolver.resolve(host, std::to_string(port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, ec);
  if (ec) fail("--host: '{}' is no address of this machine: {}", host, ec.message());
  std::vector<tcp::endpoint> out;
  for (const auto& entry : found)
    if (std::find(out.begin(), out.end(), entry.endpoint()) == out.end())
      out.push_back(entry.endpoint());
  return out;
}

Bound bind_tcp(const ServerSettings& settings, asio::io_context& io,
               const asio::any_io_executor& strand) {
  const auto addresses = addresses_of(settings.host, settings.port, strand);
  Bound bound;
  int port = settings.port;
  std::string why_not;
  for (tcp::endpoint at : addresses) {
    at.port(static_cast<unsigned short>(port));
    auto acceptor = bound_acceptor(at, settings, addresses.size() > 1, strand, why_not);
    if (!acceptor) continue;
    port = acceptor->local_endpoint().port();  // port 0: the others take the same
    bound.is_loopback = bound.is_loopback && at.address().is_loopback();
    bound.listeners.push_back(
        std::make_unique<SocketListener<tcp>>(io, std::move(*acceptor), port));
  }
  if (bound.listeners.empty()) fail("{}; choose another --host", why_not);
  return bound;
}

/// Removes the socket that a server which ended badly left behind. Error when one still listens;
/// what is no socket is left for bind to complain about.
void remove_stale_socket(const std::string& path, const asio::any_io_executor& strand) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  Local::socket probe(strand);
  error_code ec;
  probe.connect(Local::endpoint(path), ec);
  if (!ec) fail("cannot listen on {}: another server listens there; choose another --host", path);
  if (ec == asio::error::connection_refused) ::unlink(path.c_str());
}

Bound bind_local(const ServerSettings& settings, asio::io_context& io,
                 const asio::any_io_executor& strand) {
  const std::string& path = settings.host;
  constexpr std::size_t kMaxPath = 107;  // sun_path
  if (path.size() > kMaxPath)
    fail("--host: the path of a unix socket has at most {} bytes, got {}", kMaxPath, path.size());
  remove_stale_socket(path, strand);
  Local::acceptor acceptor(strand);
  error_code ec;
  acceptor.open(Local(), ec);
  check(ec, path, "");
  acceptor.bind(Local::endpoint(path), ec);
  check(ec, path, "; choose another path with --host");
  acceptor.listen(asio::socket_base::max_listen_connections, ec);
  check(ec, path, "");
  Bound bound{.listeners = {}, .is_loopback = false};  // no web page gets here
  bound.listeners.push_back(
      std::make_unique<SocketListener<Local>>(io, std::move(acceptor), 0, path));
  return bound;
}

}  // namespace

Bound bind(const ServerSettings& settings, asio::io_context& io,
           const asio::any_io_executor& strand) {
  return settings.host.ends_with(".sock") ? bind_local(settings, io, strand)
                                          : bind_tcp(settings, io, strand);
}

}  // namespace llm::http
