// What the options mean for each part of the program.
#pragma once

#include "base/log.h"
#include "engine/engine.h"
#include "http/http.h"
#include "model/model.h"
#include "options/options.h"

namespace llm {

EngineSettings engine_settings(const Options& options);
/// Without `progress`.
LoadOptions load_options(const Options& options);
/// Reads the files of keys.
http::ServerSettings http_settings(const Options& options);
log::Settings log_settings(const LogOptions& options);

}  // namespace llm
