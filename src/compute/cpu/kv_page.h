// How the keys and values of one head lie in a page of the CPU's cache.
//
// Keys, so that a page is read as vectors of positions:
//   f32, f16, bf16   [dim][position]
//   q8_0             per 32 dims: scales f16 [position], then int8 [dim][position]
//   q4_0             per 32 dims: scales f16 [position], then bytes [16][position]: dim i in the
//   low
//                    nibble, dim i + 16 in the high
//   others           quant blocks, [position][block]
// Values: [position][dim], quantised ones as quant blocks. Dims are padded (padded_dim) with zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute/kv_pool.h"

namespace llm::compute::cpu {

struct VectorKernels;

inline constexpr int kKeyBlockScales = 2 * kPageTokens;
inline constexpr int kKeyBlockQ8 = kKeyBlockScales + 32 * kPageTokens;
inline constexpr int kKeyBlockQ4 = kKeyBlockScales + 16 * kPageTokens;

/// Heads of `count` consecutive positions to be written from slot `first` of a page on. `x` is the
/// first head; the next position's is `stride` floats further.
struct KvRun {
  const float* x;
  std::int64_t stride;
  int dim;
  int first, count;
};

void store_keys(const VectorKernels& kernels, quant::Type type, bool rotated, const KvRun& run,
                std::byte* page);
void store_values(const VectorKernels& kernels, quant::Type type, bool rotated, const KvRun& run,
                  std::byte* page);

/// One position's key as the row of values or quant blocks that it is: key_row_bytes of them.
std::int64_t key_row_bytes(quant::Type type, int dim);
void read_key_row(quant::Type type, const std::byte* page, int slot, int dim, std::byte* row);
void write_key_row(quant::Type type, const std::byte* row, int dim, std::byte* page, int slot);

/// Quant blocks [position][block] of keys to f32 [dim][position].
void expand_key_rows(quant::Type type, const std::byte* page, int dim, float* out);
/// Quant blocks [position][block] of values to f32 [position][dims], dims padded.
void expand_value_rows(quant::Type type, const std::byte* page, int dims, float* out);

/// hadamard_rotate of x [dim].
void rotate(float* x, int dim);

}  // namespace llm::compute::cpu
