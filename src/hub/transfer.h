// One GET over HTTP(S) by libcurl, with the rules for redirects and tokens that every download
// keeps: https never falls back to http, and a token stays with the origin it was given for.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hub/hub.h"

namespace llm::hub {

/// The Stopper said so.
class Cancelled : public Error {
 public:
  Cancelled() : Error("the download was stopped; the next start resumes it") {}
};

/// No answer, or a broken one.
class TransferError : public Error {
 public:
  TransferError(const std::string& message, bool may_retry)
      : Error(message), may_retry(may_retry) {}
  bool may_retry;  // the same again could succeed
};

/// What an answer says before its body.
struct Head {
  int status = 0;
  std::optional<std::uint64_t> length;                    // of the body
  std::optional<std::uint64_t> range_first, range_total;  // of Content-Range
  std::string etag, content_type;
  std::string next;          // address of the next page (Link, rel="next")
  std::string authenticate;  // WWW-Authenticate
  std::chrono::seconds retry_after{0};
};

/// Takes an answer of status 200 or 206. What it throws ends the transfer and reaches the caller.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void begin(const Head& head) = 0;
  virtual void take(std::string_view bytes) = 0;
};

struct Get {
  std::string url;
  std::string token;                 // "Authorization: Bearer", to this URL's origin only
  std::vector<std::string> headers;  // "Name: value"
  std::string certificates;          // see Settings
  Stopper stopped = [] { return false; };
  int max_redirects = 10;
  std::chrono::milliseconds time{0};  // for all of it; 0: as long as bytes keep coming
  /// When set: asked for every address before a connection; proxies are not used.
  std::function<bool(const sockaddr&)> may_connect;
};

/// Follows redirects. Returns the final head, whatever its status. Blocks; any thread.
/// Throws TransferError, Cancelled, and what `receiver` throws.
Head get(const Get& request, Receiver& receiver);

/// The body as text, at most `limit` bytes; empty unless the status is 200.
struct Text {
  Head head;
  std::string body;
};
Text get_text(const Get& request, std::uint64_t limit);

/// "https://host:8080/path" of an address, for messages: no credentials, no query.
std::string shown(std::string_view url);
/// Whether `url` is http or https with a host.
bool is_web_address(std::string_view url);

}  // namespace llm::hub
