// API keys, their limits and the certificate: as the options say, and as their files change.
#pragma once

#include "http/http.h"
#include "options/options.h"
#include "server/stop_signal.h"

namespace llm {

/// Reads the files. Error when they are not as they should be.
http::KeySet key_set(const SecurityOptions& security);

/// As long as it lives SIGHUP reads them anew.
class Reloading {
 public:
  Reloading(StopSignal& stop, http::Server& http, const SecurityOptions& security);
  ~Reloading() { stop_.on_hangup({}); }
  Reloading(const Reloading&) = delete;
  Reloading& operator=(const Reloading&) = delete;

 private:
  StopSignal& stop_;
};

}  // namespace llm
