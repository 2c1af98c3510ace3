// Who may call: web origins (CORS) and names of this host. Pure decisions over headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"

namespace llm::http {

/// Immutable: may be asked from every thread.
class AccessPolicy {
 public:
  /// is_loopback: the server listens on addresses of this machine only.
  AccessPolicy(const ServerSettings& settings, bool is_loopback);

  /// `host`: value of the Host header. A page whose name an attacker rebinds to 127.0.0.1 still
  /// sends that name here. Literal addresses cannot be rebound and pass.
  bool accepts_host(std::string_view host) const;

  /// True unless the request changes something and comes from a web page that may not call.
  /// `origin` is empty without such a header.
  bool accepts_origin(std::string_view method, std::string_view origin,
                      std::string_view host) const;

  /// Headers for the answer; `is_preflight` adds those of OPTIONS.
  Headers cors_headers(std::string_view origin, std::string_view host, bool is_preflight) const;

 private:
  enum class Origins { any, local, local_and_own, listed };

  bool may_call(std::string_view origin, std::string_view host) const;

  Origins origins_ = Origins::any;
  std::string origins_text_;
  std::vector<std::string> listed_origins_;
  std::string methods_, headers_;
  bool credentials_;
  bool checks_host_;
  std::vector<std::string> hosts_;  // lower case, besides the local ones
};

}  // namespace llm::http
