// A request passed on to a child, and the answer passed back as it comes. Internal to the room.
#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"
#include "http/http.h"
#include "router/fleet.h"

namespace llm::router {

/// The error in the shape that the path's API has.
http::Response error_reply(std::string_view path, const RequestError& error);

/// As for a path that no route takes.
http::Response not_found();

/// Sends the request of `exchange` to the lease's process. Small answers come back whole, others go
/// out as they arrive, no faster than the client reads. A client that leaves ends the request at
/// the child. RequestError(502) when the process breaks off before it answers; in an event stream
/// that has begun it is an event. PeerError when the request did not get there at all. What it has
/// used counts against the limit of its key, however it ends.
http::Task<http::Response> forward(http::Exchange& exchange, const Lease& lease,
                                   std::chrono::milliseconds silence);

/// Complete events at the start of a stream's text: bytes up to behind the last blank line.
std::size_t complete_events(std::string_view text);

}  // namespace llm::router
