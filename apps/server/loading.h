// From the options to a model that requests are served with.
#pragma once

#include <memory>

#include "options/options.h"
#include "router/child_report.h"
#include "server/service.h"
#include "server/stop_signal.h"

namespace llm {

class Stopped {};  // thrown when a signal came while the model was being loaded

/// Finds the model, downloads it unless it is in the cache, and loads it. What comes back owns it.
/// Throws Error, and Stopped.
std::shared_ptr<server::Serving> load(const Options& options, const StopSignal& stop,
                                      const router::ChildReport& report);

}  // namespace llm
