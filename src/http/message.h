// Answers as bytes: heads, error bodies and byte ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace llm::http {

/// First value of a header, case-insensitive; empty when absent.
std::string_view find_header(const Headers& headers, std::string_view name);
bool equal_ignoring_case(std::string_view a, std::string_view b);

struct ResponseHead {
  int status = 200;
  const Headers* cors = nullptr;  // may be null
  const Headers* own = nullptr;   // may be null
  std::string_view request_id;
  std::optional<std::uint64_t> content_length;
  bool is_chunked = false;
  /// Seconds that the connection stays open for the next request; nullopt: it is closed.
  std::optional<int> keep_alive_s;
  bool is_http_1_0 = false;  // of the request
};

/// Status line and headers with the blank line. Values with line breaks are left out, so that no
/// handler can be made to write headers that it does not mean.
std::string to_bytes(const ResponseHead& head);

/// The bodies that the reference writes with "code" last: 401, 404 of a route, 503 while loading.
Response plain_refusal(int status, std::string_view type, std::string_view message);

struct ByteRange {
  std::uint64_t first = 0, last = 0;  // both included
};

/// What a Range header asks of a body of `size` bytes. Nullopt: all of it (no header, another unit,
/// several ranges, broken syntax). A range that lies outside has first > last.
std::optional<ByteRange> requested_range(std::string_view header, std::uint64_t size);

/// Cuts the body of a 200 answer to a GET to what was asked: 206 or 416.
void apply_range(const Request& request, Response& response);

}  // namespace llm::http
