#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/sha256.h"
#include "http/core.h"
#include "http/message.h"

namespace llm::http {
namespace {

constexpr const char* kForeignHost =
    "Host '{}' is not one of this server's names. It listens on this machine only, and a page that "
    "rebinds its name to this address must not reach it. --allowed-hosts {} accepts the name.";
constexpr const char* kForeignOrigin =
    "Pages of '{}' may not call this server. --cors-origins {} lets them.";

std::size_t count_headers(const Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [&](const auto& header) { return equal_ignoring_case(header.first, name); }));
}

std::optional<Response> check_host(const Core& core, const Request& request,
                                   const BodyFacts& body) {
  const auto hosts = count_headers(request.headers, "Host");
  if (hosts > 1 || (hosts == 0 && !body.is_http_1_0))
    return error_response(400, "invalid_request_error",
                          "a request needs exactly one Host header (RFC 9112, 3.2)");
  const auto host = request.header("Host");
  if (core.access.accepts_host(host)) return std::nullopt;
  return error_response(403, "permission_error", fmt::format(kForeignHost, host, host));
}

std::optional<Response> check_body(const Core& core, const Request& request,
                                   const BodyFacts& body) {
  if (count_headers(request.headers, "Transfer-Encoding") > 1)
    return error_response(400, "invalid_request_error",
                          "a request has at most one Transfer-Encoding header");
  if (const auto coding = request.header("Transfer-Encoding");
      !coding.empty() && !equal_ignoring_case(coding, "chunked"))
    return error_response(501, "not_supported_error",
                          fmt::format("Transfer-Encoding '{}' is not supported", coding));
  if (const auto limit = core.settings.max_body_bytes; body.content_length.value_or(0) > limit)
    return error_response(413, "invalid_request_error",
                          fmt::format("request body of {} bytes is larger than {} bytes",
                                      *body.content_length, limit));
  if (const auto expectation = request.header("Expect");
      !expectation.empty() && !equal_ignoring_case(expectation, "100-continue"))
    return error_response(417, "invalid_request_error",
                          fmt::format("Expect '{}' cannot be met", expectation));
  const bool has_body = body.is_chunked || body.content_length.value_or(0) > 0;
  if (const auto coding = request.header("Content-Encoding");
      has_body && !coding.empty() && !equal_ignoring_case(coding, "identity"))
    return error_response(
        415, "invalid_request_error",
        fmt::format("Content-Encoding '{}' is not supported: send the body as it is", coding));
  constexpr std::string_view kMultipart = "multipart/";
  if (const auto type = request.header("Content-Type");
      has_body && equal_ignoring_case(type.substr(0, kMultipart.size()), kMultipart))
    return error_response(415, "invalid_request_error",
                          "multipart bodies are not supported yet: send JSON");
  return std::nullopt;
}

Response method_not_allowed(const Request& request, const std::string& allowed) {
  auto answer = error_response(
      405, "invalid_request_error",
      fmt::format("{} is not allowed for {} (allowed: {})", request.method, request.path, allowed));
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

/// Takes the request from what its key may use.
Admission begin_request(Admission admission, const std::shared_ptr<KeyBudget>& budget) {
  if (const auto refusal = budget->begin(KeyBudget::Clock::now())) {
    admission.answer = error_response(429, "rate_limit_error", refusal->message);
    admission.answer->headers.emplace_back("Retry-After", std::to_string(refusal->retry_after_s));
  } else {
    admission.permit = std::make_unique<KeyPermit>(budget);
  }
  return admission;
}

bool is_index(std::string_view path) {
  return path == "/" || path == "/index.html";
}

Admission find_route(const Core& core, Request& request, Match match) {
  if (match.route) {
    request.params = std::move(match.params);
    return {.route = match.route};
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (core.static_files && reads) return {.route = &*core.static_files};
  if (!match.allowed.empty()) return {.answer = method_not_allowed(request, match.allowed)};
  return {.answer = plain_refusal(404, "not_found_error", "File Not Found")};
}

/// Of a request whose key was accepted.
std::string client_of(const Core& core, const Request& request) {
  if (core.settings.is_behind_router) return std::string(request.header(kClientHeader));
  return to_hex(sha256(offered_key(request.header("Authorization"), request.header("X-Api-Key"))));
}

/// Cuts the prefix off; false when the path lies outside.
bool strip_prefix(const std::string& prefix, std::string& path) {
  if (prefix.empty()) return true;
  if (!path.starts_with(prefix)) return false;
  if (path.size() > prefix.size() && path[prefix.size()] != '/') return false;
  path.erase(0, prefix.size());
  if (path.empty()) path.push_back('/');
  return true;
}

}  // namespace

Admission admit(const Core& core, Request& request, const BodyFacts& body) {
  if (auto refusal = check_host(core, request, body)) return {.answer = std::move(refusal)};
  if (request.method == "OPTIONS")
    return {.answer = Response{200, {{"Content-Type", "text/html"}}, ""}};
  // Relative addresses of a page need the slash.
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (const auto& prefix = core.settings.api_prefix;
      !prefix.empty() && request.path == prefix && reads)
    return {.answer = Response{308, {{"Location", prefix + "/"}}, ""}};
  if (!strip_prefix(core.settings.api_prefix, request.path))
    return {.answer = plain_refusal(404, "not_found_error", "File Not Found")};
  auto match = core.router.find(request.method, request.path);
  const bool is_file = core.static_files && !match.route && match.allowed.empty();
  const bool while_loading = is_file || (match.route && match.route->while_loading);
  if (!core.ready && !while_loading)
    return {.answer = plain_refusal(503, "unavailable_error", "Loading model"),
            .route = match.route};
  const bool is_public = match.is_public || (core.static_files && is_index(request.path));
  std::shared_ptr<KeyBudget> budget;
  if (core.keys.needs_key() && !is_public) {
    budget = core.keys.find(request.header("Authorization"), request.header("X-Api-Key"));
    if (!budget)
      return {.answer = plain_refusal(401, "authentication_error", "Invalid API Key"),
              .route = match.route};
    request.client = client_of(core, request);
  }
  const auto origin = request.header("Origin");
  if (!core.access.accepts_origin(request.method, origin, request.header("Host")))
    return {.answer = error_response(403, "permission_error",
                                     fmt::format(kForeignOrigin, origin, origin)),
            .route = match.route};
  auto admission = find_route(core, request, std::move(match));
  if (admission.route) admission.answer = check_body(core, request, body);
  if (budget && !admission.answer) admission = begin_request(std::move(admission), budget);
  return admission;
}

Headers cors_headers(const Core& core, const Request& request) {
  return core.access.cors_headers(request.header("Origin"), request.header("Host"),
                                  request.method == "OPTIONS");
}

std::string request_id(std::string_view offered) {
  constexpr std::size_t kMaxLength = 128;
  const auto is_sane = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; };
  if (!offered.empty() && offered.size() <= kMaxLength &&
      std::all_of(offered.begin(), offered.end(), is_sane))
    return std::string(offered);
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("{:016x}", random());
}

}  // namespace llm::http
