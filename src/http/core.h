// What all connections of a server share. Internal to the room.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/access.h"
#include "http/http.h"
#include "http/keys.h"
#include "http/router.h"

namespace llm::http {

struct Core {
  ServerSettings settings;
  AccessPolicy access;
  KeyTable keys;
  Router router;
  std::optional<Route> static_files;
  boost::asio::thread_pool* workers = nullptr;  // outlived by every connection
  std::atomic<bool> ready{false}, stopping{false};
};

/// Facts of a request's head that are not in Request.
struct BodyFacts {
  std::optional<std::uint64_t> content_length;
  bool is_chunked = false;
  bool is_http_1_0 = false;
};

/// What happens to a request whose head has arrived: an answer at once, or a handler.
struct Admission {
  std::optional<Response> answer;
  const Route* route = nullptr;       // also of an answer, where it is known
  std::unique_ptr<KeyPermit> permit;  // of the key, until the request has ended
};

/// Decides in the reference's order: Host, OPTIONS, prefix, loading (503), key (401), page of
/// another site (403), route (404, 405), body (413, 415, ...), limits of the key (429). Strips the
/// prefix from request.path and fills request.params.
Admission admit(const Core& core, Request& request, const BodyFacts& body);

/// Headers of CORS for an answer to `request`.
Headers cors_headers(const Core& core, const Request& request);

/// The client's X-Request-Id when it is short and printable, otherwise a new one.
std::string request_id(std::string_view offered);

}  // namespace llm::http
