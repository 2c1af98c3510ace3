// Fetching what a request names, such as an image: the address comes from anybody, so it must not
// reach into the operator's network, take long, or fill memory.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "hub/hub.h"

namespace llm::hub {

struct RemoteLimits {
  bool allowed = false;  // by the operator; off: every fetch is refused
  std::uint64_t bytes = 10 << 20;
  std::chrono::milliseconds time{10'000};  // all redirects and the body together
  int redirects = 3;
};

struct RemoteContent {
  std::string bytes;
  std::string type;  // Content-Type as sent; may be empty
};

/// http and https to public addresses only. The check is made on the address of every connection
/// itself, also behind redirects, so neither a name's second answer nor a proxy goes around it.
class RemoteFetcher {
 public:
  /// `may_connect` is is_public_address unless a test brings its own.
  explicit RemoteFetcher(RemoteLimits limits,
                         std::function<bool(const sockaddr&)> may_connect = nullptr);

  /// Blocks up to the time limit; any thread, many at once. Throws Error with a reason that may be
  /// shown to the client, or Cancelled.
  RemoteContent get(
      const std::string& url, const Stopper& stopped = [] { return false; }) const;

 private:
  RemoteLimits limits_;
  std::function<bool(const sockaddr&)> may_connect_;
};

}  // namespace llm::hub
