// Listening sockets. Internal to the room.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/http.h"
#include "http/stream.h"

namespace llm::http {

/// One bound address. All calls on the strand that it was made with, except port().
class Listener {
 public:
  virtual ~Listener() = default;
  /// Accepts until closed. `connected` gets each connection with a strand of its own and the
  /// client's address. It waits while `has_room` says no, and no further one is accepted then.
  virtual Task<void> accept(std::function<void(Socket, std::string peer)> connected,
                            std::function<bool()> has_room) = 0;
  virtual void close() = 0;
  virtual int port() const = 0;
};

struct Bound {
  std::vector<std::unique_ptr<Listener>> listeners;
  bool is_loopback = true;  // only addresses that nothing but this machine reaches
};

/// Binds every address that the host's name has. Error names the address, the system's reason and
/// the remedy.
Bound bind(const ServerSettings& settings, boost::asio::io_context& io,
           const boost::asio::any_io_executor& strand);

}  // namespace llm::http
