// The table of kernels for one Vec.
#pragma once

#include "compute/cpu/vector/attention.h"
#include "compute/cpu/vector/elementwise.h"
#include "compute/cpu/vector_kernels.h"

namespace llm::compute::cpu::vector {

template <class V>
constexpr VectorKernels make_table(const char* isa) {
  using R = Rows<V>;
  return {.isa = isa,
          .rms_norm = R::rms_norm,
          .add_rms_norm = R::add_rms_norm,
          .layer_norm = R::layer_norm,
          .add = R::add,
          .scale = R::scale,
          .add_scaled = R::add_scaled,
          .softcap = R::softcap,
          .activate = R::activate,
          .rope_adjacent = R::rope_adjacent,
          .rope_halves = R::rope_halves,
          .to_f16 = R::to_f16,
          .to_bf16 = R::to_bf16,
          .attend = attend<V>,
          .combine = combine<V>};
}

}  // namespace llm::compute::cpu::vector
