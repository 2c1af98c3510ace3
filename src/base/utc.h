// Points in time as texts.
#pragma once

#include <chrono>
#include <string>

namespace llm {

/// "2026-11-25T16:01:02.345Z"
std::string utc_text(std::chrono::system_clock::time_point time);

}  // namespace llm
