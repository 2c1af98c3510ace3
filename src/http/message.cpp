#include "http/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"

namespace llm::http {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 529:
      return "Overloaded";
    default:
      return "Status";
  }
}

bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != text.npos;
}

void append(std::string& out, std::string_view name, std::string_view value) {
  if (has_line_break(name) || has_line_break(value)) return;
  fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
}

/// Invalid UTF-8 (of a request that is quoted) must not make the answer fail.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::uint64_t> digits(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

std::string_view Request::header(std::string_view name) const {
  return find_header(headers, name);
}

void note_error(Notes& notes, std::string_view message) {
  constexpr std::size_t kMostBytes = 200;
  notes.fields.push_back({"error", std::string(message.substr(0, kMostBytes))});
}

Response json_response(int status, std::string body) {
  return {status, {{"Content-Type", "application/json; charset=utf-8"}}, std::move(body)};
}

Response error_response(int status, std::string_view type, std::string_view message) {
  return json_response(status,
                       dump({{"error", {{"code", status}, {"message", message}, {"type", type}}}}));
}

Response plain_refusal(int status, std::string_view type, std::string_view message) {
  return json_response(status,
                       dump({{"error", {{"message", message}, {"type", type}, {"code", status}}}}));
}

std::string to_bytes(const ResponseHead& head) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason(head.status));
  append(out, "Server", "llama.cpp");
  for (const Headers* headers : {head.cors, head.own})
    if (headers)
      for (const auto& [name, value] : *headers) append(out, name, value);
  if (head.is_chunked)
    append(out, "Transfer-Encoding", "chunked");
  else if (head.content_length)
    append(out, "Content-Length", std::to_string(*head.content_length));
  if (!head.keep_alive_s) {
    append(out, "Connection", "close");
  } else {
    if (head.is_http_1_0) append(out, "Connection", "keep-alive");
    append(out, "Keep-Alive", fmt::format("timeout={}", *head.keep_alive_s));
  }
  if (!head.request_id.empty()) append(out, "X-Request-Id", head.request_id);
  return out + "\r\n";
}

std::optional<ByteRange> requested_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const auto dash = header.find('-');
  if (dash == header.npos || header.find(',') != header.npos) return std::nullopt;
  const auto first = digits(header.substr(0, dash)), last = digits(header.substr(dash + 1));
  constexpr ByteRange kOutside{1, 0};
  if (dash == 0) {  // the last N bytes
    if (!last) return std::nullopt;
    if (*last == 0 || size == 0) return kOutside;
    return ByteRange{size - std::min(*last, size), size - 1};
  }
  const bool is_open = dash + 1 == header.size();
  if (!first || (!last && !is_open) || (last && *last < *first)) return std::nullopt;
  if (*first >= size) return kOutside;
  return ByteRange{*first, is_open ? size - 1 : std::min(*last, size - 1)};
}

void apply_range(const Request& request, Response& response) {
  if (request.method != "GET" || response.status != 200) return;
  const auto range = requested_range(request.header("Range"), response.body.size());
  if (!range) return;
  if (range->first > range->last) {
    const auto size = response.body.size();
    response = error_response(416, "invalid_request_error", "Range: outside of the content");
    response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return;
  }
  response.status = 206;
  response.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range->first,
                                                             range->last, response.body.size()));
  response.body = response.body.substr(range->first, range->last - range->first + 1);
}

}  // namespace llm::http
