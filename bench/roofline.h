// What the machine can do at most, for the kernels to be measured against.
#pragma once

#include <string_view>

namespace llm::bench {

/// GB/s of reading memory far larger than the caches.
double read_bandwidth(int threads);

/// 1e9 multiply-accumulates per second of 8-bit integers, in registers, with the instructions that
/// an instruction set of compute/cpu has for them.
double int8_peak(int threads, std::string_view isa);

/// The same for f32.
double f32_peak(int threads, std::string_view isa);

}  // namespace llm::bench
