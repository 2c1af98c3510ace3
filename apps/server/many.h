// The server of many models: a router in front of processes with one model each.
#pragma once

#include <functional>

#include "http/http.h"
#include "options/options.h"
#include "options/settings.h"
#include "router/router.h"

namespace llm {

/// The download cache that LLAMA_CACHE, or else one of Hugging Face's variables, names. `from`:
/// token and whether the network may be used.
router::ModelStore model_store(const DownloadOptions& from);

struct ManyModels {
  router::RouterSettings router;  // without its estimate
  http::ServerSettings http;
  std::chrono::milliseconds stop_deadline;
};

/// When --hf-repo names a repository that holds no model but a preset: takes the preset in its
/// place, so that many models are served. True when it did. Downloads it; Error and hub::Cancelled
/// as there.
bool take_preset_of_repository(router::RouterSettings& settings,
                               const std::function<bool()>& stopped);

/// Serves until `until_stopped` returns. Error at the start as for one model.
void serve_many(const ManyModels& settings,
                const std::function<void(http::Server&)>& until_stopped);

}  // namespace llm
