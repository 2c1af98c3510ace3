// Codebooks of the quantised types, on the GPU.
#pragma once

#include <cstdint>

namespace llm::compute::cuda {

/// As in quant/tables.h.
struct Grids {
  const std::uint64_t *iq2_xxs, *iq2_xs, *iq2_s, *iq1;
  const std::uint32_t *iq3_xxs, *iq3_s;
  const std::int8_t *iq4_levels, *fp4_levels;
};

}  // namespace llm::compute::cuda
