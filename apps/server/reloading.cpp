#include "server/reloading.h"

#include "base/log.h"

namespace llm {

http::KeySet key_set(const SecurityOptions& security) {
  options::ApiKeys read = options::read_api_keys(security);
  http::KeySet set{.keys = std::move(read.keys), .limits = {}};
  for (const ApiKeyLimit& limit : read.limits) {
    set.limits.push_back({.key = limit.key,
                          .requests_per_minute = limit.requests_per_minute,
                          .tokens_per_minute = limit.tokens_per_minute,
                          .concurrent_requests = limit.concurrent_requests});
  }
  return set;
}

namespace {

/// Keys, their limits and the certificate as their files are now. What cannot be read stays as it
/// was: a server never becomes open, or ends, by a reload.
void reload(http::Server& http, const SecurityOptions& security, bool had_keys) noexcept {
  try {
    const http::KeySet keys = key_set(security);
    if (had_keys && keys.keys.empty()) {
      log::error("SIGHUP: the files hold no API key, those before stay");
    } else {
      http.set_keys(keys);
      log::info("SIGHUP: {} API keys, {} limits", keys.keys.size(), keys.limits.size());
    }
  } catch (const std::exception& error) {
    log::error("SIGHUP: the API keys stay as they are: {}", error.what());
  }
  try {
    http.reload_certificate();
    if (!security.tls_cert_file.empty()) log::info("SIGHUP: new connections get the certificate");
  } catch (const std::exception& error) {
    log::error("SIGHUP: the certificate stays as it is: {}", error.what());
  }
}

}  // namespace

Reloading::Reloading(StopSignal& stop, http::Server& http, const SecurityOptions& security)
    : stop_(stop) {
  const bool had_keys = !key_set(security).keys.empty();
  stop.on_hangup([&http, &security, had_keys] { reload(http, security, had_keys); });
}

}  // namespace llm
