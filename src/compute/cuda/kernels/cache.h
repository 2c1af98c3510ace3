// Writing and moving keys and values in pages. All pointers are of the GPU.
//
// A page of a layer holds, one behind the other, the keys of its kv heads and then their values; of
// a head, 32 rows of one token each.
#pragma once

#include <cstdint>

#include "compute/cuda/runtime.h"
#include "compute/device.h"

namespace llm::compute::cuda {

/// One layer's keys, or its values, in all pages.
struct CacheView {
  std::uint8_t* first = nullptr;  // of page 0
  std::int64_t page_stride = 0;   // bytes from a page to the next
  std::int64_t head_stride = 0;   // from a head to the next
  std::int64_t row_stride = 0;    // from a token to the next
  quant::Type type = quant::Type::f16;
  int heads = 0;
  int dim = 0;           // values of a head
  int padded = 0;        // values that a row has room for
  bool rotated = false;  // see compute/hadamard.h
};

/// Where a token of the batch goes: page and slot of it.
struct CachePlace {
  std::int32_t page, slot;
};

/// x [tokens, heads * dim]; places [tokens].
void store_rows(const Queue& queue, const CacheView& cache, const float* x,
                const CachePlace* places, int tokens);

/// Bytes that move_rows needs as scratch.
std::int64_t move_scratch_bytes(const CacheView& cache, int count);
/// Rows from[i] go to to[i], all read before the first is written. With cos and sin [rotated / 2],
/// each row is turned by these angles on the way and rounded again.
void move_rows(const Queue& queue, const CacheView& cache, const CachePlace* from,
               const CachePlace* to, int count, std::uint8_t* scratch, int rotated,
               Rope::Pairing pairing, const float* cos, const float* sin);

/// Rotates blocks of 64 values of x in place.
void hadamard(const Queue& queue, float* x, std::int64_t count);

}  // namespace llm::compute::cuda
