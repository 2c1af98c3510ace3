// What the options mean for each part of the program.
#pragma once

#include "base/log.h"
#include "compute/device.h"
#include "engine/engine.h"
#include "http/http.h"
#include "model/model.h"
#include "options/options.h"

namespace llm {

EngineSettings engine_settings(const Options& options);
compute::CpuSettings cpu_settings(const ThreadOptions& threads);
/// Without `progress`.
LoadOptions load_options(const Options& options);
/// Reads the files of keys.
http::ServerSettings http_settings(const Options& options);
log::Settings log_settings(const LogOptions& options);

}  // namespace llm
