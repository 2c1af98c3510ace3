// Points in time as texts and numbers for people and programs; never what waits or measures.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace llm {

/// "2026-11-25T16:01:02.345Z"
std::string utc_text(std::chrono::system_clock::time_point time);

/// Of now, since 1970.
std::int64_t unix_seconds();

}  // namespace llm
