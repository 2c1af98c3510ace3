// Which expert computes what in one step of a mixture.
#pragma once

#include <cstdint>
#include <vector>

#include "compute/cpu/device.h"

namespace llm::compute::cpu {

struct CpuDevice::Routing {
  std::vector<std::int32_t> tokens;   // [pairs], the token of each pair, grouped by expert
  std::vector<std::int32_t> offsets;  // [experts + 1]
  std::vector<std::int32_t> pair_of;  // [tokens * used], where the pair of a choice went
  std::vector<float> weights;         // [tokens * used], in the order of choice
};

}  // namespace llm::compute::cpu
