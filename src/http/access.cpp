#include "http/access.h"

#include <algorithm>

namespace llm::http {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

struct HostPort {
  std::string host;  // lower case; of [::1] without brackets
  std::string port;  // may be empty
};

/// "name:80", "[::1]:80", "name".
HostPort parse_host(std::string_view text) {
  HostPort out;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    out.host = lower(text.substr(1, close == text.npos ? close : close - 1));
    if (close != text.npos && text.substr(close + 1).starts_with(':'))
      out.port = text.substr(close + 2);
    return out;
  }
  const auto colon = text.rfind(':');
  out.host = lower(text.substr(0, colon));
  if (out.host.ends_with('.')) out.host.pop_back();
  if (colon != text.npos) out.port = text.substr(colon + 1);
  return out;
}

struct OriginParts {
  std::string scheme;
  HostPort at;
};

/// Of "http://localhost:5173"; an empty scheme for what is none, "null" included.
OriginParts parse_origin(std::string_view origin) {
  const auto mark = origin.find("://");
  if (mark == origin.npos) return {};
  return {lower(origin.substr(0, mark)), parse_host(origin.substr(mark + 3))};
}

bool is_web(std::string_view scheme) {
  return scheme == "http" || scheme == "https";
}

bool is_ipv4(std::string_view host) {
  int dots = 0;
  for (const char c : host) {
    if (c == '.')
      ++dots;
    else if (c < '0' || c > '9')
      return false;
  }
  return dots == 3;
}

/// Names that every system resolves to itself (RFC 6761), and its addresses.
bool is_local(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (is_ipv4(host) && host.starts_with("127."));
}

/// Does the page of `origin` come from the server that `host` names?
bool is_own(const OriginParts& origin, std::string_view host) {
  const HostPort here = parse_host(host);
  if (!is_web(origin.scheme) || origin.at.host.empty() || origin.at.host != here.host) return false;
  // Behind a proxy that ends TLS the scheme is the proxy's, so only ports are compared.
  const std::string normal = origin.scheme == "https" ? "443" : "80";
  const auto port = [&](const HostPort& at) { return at.port.empty() ? normal : at.port; };
  return port(origin.at) == port(here);
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto field = text.substr(0, comma);
    while (field.starts_with(' ')) field.remove_prefix(1);
    while (field.ends_with(' ')) field.remove_suffix(1);
    if (!field.empty()) out.emplace_back(field);
    text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
  }
  return out;
}

}  // namespace

AccessPolicy::AccessPolicy(const ServerSettings& settings, bool is_loopback)
    : origins_text_(settings.cors_origins),
      methods_(settings.cors_methods),
      headers_(settings.cors_headers),
      credentials_(settings.cors_credentials),
      checks_host_(is_loopback || !settings.allowed_hosts.empty()) {
  for (const auto& host : settings.allowed_hosts) {
    if (host == "*") checks_host_ = false;
    hosts_.push_back(parse_host(host).host);
  }
  hosts_.push_back(parse_host(settings.host).host);
  if (!settings.cors_origins_given)
    origins_ = settings.keys.keys.empty() ? Origins::local_and_own : Origins::any;
  else if (origins_text_ == "*")
    origins_ = Origins::any;
  else if (origins_text_ == "localhost")
    origins_ = Origins::local;
  else
    origins_ = Origins::listed;
  listed_origins_ = comma_list(origins_text_);
}

bool AccessPolicy::accepts_host(std::string_view host) const {
  if (!checks_host_ || host.empty()) return true;
  const auto name = parse_host(host).host;
  const bool is_address = is_ipv4(name) || name.find(':') != name.npos;
  return is_address || is_local(name) ||
         std::find(hosts_.begin(), hosts_.end(), name) != hosts_.end();
}

bool AccessPolicy::may_call(std::string_view origin, std::string_view host) const {
  const auto parts = parse_origin(origin);
  const bool is_local_page = is_web(parts.scheme) && is_local(parts.at.host);
  switch (origins_) {
    case Origins::any:
      return true;
    case Origins::local:
      return is_local_page;
    case Origins::local_and_own:
      return is_local_page || is_own(parts, host);
    case Origins::listed:
      return std::find(listed_origins_.begin(), listed_origins_.end(), origin) !=
             listed_origins_.end();
  }
  return false;
}

bool AccessPolicy::accepts_origin(std::string_view method, std::string_view origin,
                                  std::string_view host) const {
  // A browser hides the answer from a page without CORS rights but does send "simple" POSTs, and
  // those cost computing time. Schemes other than the web's belong to installed programs.
  const bool is_page = origin == "null" || is_web(parse_origin(origin).scheme);
  if (origins_ != Origins::local_and_own || !changes_something(method) || !is_page) return true;
  return may_call(origin, host);
}

Headers AccessPolicy::cors_headers(std::string_view origin, std::string_view host,
                                   bool is_preflight) const {
  Headers out;
  const bool is_single_text = origins_ == Origins::listed && listed_origins_.size() <= 1;
  if (origins_ == Origins::any && !credentials_) {
    out.emplace_back("Access-Control-Allow-Origin", "*");
  } else if (is_single_text) {
    out.emplace_back("Access-Control-Allow-Origin", origins_text_);
  } else if (!origin.empty()) {
    if (may_call(origin, host)) out.emplace_back("Access-Control-Allow-Origin", origin);
    out.emplace_back("Vary", "Origin");
  }
  if (is_preflight) {
    out.emplace_back("Access-Control-Allow-Credentials", credentials_ ? "true" : "false");
    out.emplace_back("Access-Control-Allow-Methods", methods_);
    out.emplace_back("Access-Control-Allow-Headers", headers_);
  }
  return out;
}

}  // namespace llm::http
