// Keys and values of a quantised cache are rotated by an orthonormal Hadamard matrix in blocks of
// 64 before they are rounded: outliers spread over the block, and q . k and the weighted sum of
// values stay the same because queries (and outputs) are rotated too. The matrix is its own
// inverse.
#pragma once

#include <span>

#include "quant/type.h"

namespace llm::compute {

inline constexpr int kHadamardBlock = 64;

/// True when a head of `dim` values kept as `type` is stored rotated.
inline bool stored_rotated(quant::Type type, int dim) {
  return quant::traits(type).block_length > 1 && dim % kHadamardBlock == 0;
}

/// In place; x.size() is a multiple of kHadamardBlock.
void hadamard_rotate(std::span<float> x);

}  // namespace llm::compute
