// Everything outside matrix products that an instruction set provides: one table per instruction
// set, built from the templates in cpu/vector/ and that set's Vec. No null entries.
// The files behind a table are compiled with flags of their own; nothing inline may leak from them,
// so the types here are plain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "compute/device.h"

namespace llm::compute::cpu {

/// Keys are summed in ranges of this many positions, each with its own softmax state; the states
/// are then combined in order. Fixed by position, so that splitting ranges over threads, prompts
/// over chunks and sequences over batches changes no bit.
inline constexpr int kRangeTokens = 512;

/// Most query rows (tokens x heads of a group) of one task.
inline constexpr int kTaskRows = 48;
/// Rows are computed in tiles of up to this many; the last tile may be padded.
inline constexpr int kRowPadding = 12;

/// Where a worker computes. Sizes: see AttentionScratch in cpu/attention.cpp.
struct AttentionBuffers {
  float* queries;    // packed tiles
  float* query_row;  // [head_dim]
  float* scores;     // [kRowPadding][kPageTokens]
  float* keys;       // [head_dim][kPageTokens], a page expanded to f32
  float* values;     // [kPageTokens][padded value_dim]
  float* state[2];   // [rows][kStateHead + padded value_dim]: of a range, and the total
};

/// More positions than any sequence has.
inline constexpr int kEveryPosition = 1 << 29;

/// Softmax state of a row: the maximum, from kStateSum on the sum in as many parts as a vector has
/// lanes, from kStateHead on the weighted values.
inline constexpr int kStateSum = 16;
inline constexpr int kStateHead = 32;

/// Queries of consecutive tokens of one sequence, all query heads of one key/value head.
/// Row r is token r / group, head r % group.
struct AttentionTask {
  const float* q;  // first token, first head of the group
  std::int64_t q_stride;
  float* out;
  std::int64_t out_stride;
  int tokens, group, first_position;

  int head_dim, value_dim, padded_value_dim;
  float scale, softcap;
  /// A query sees `behind` positions before its own and `ahead` after it, of `length` in all.
  int behind, ahead, length;
  const float* sinks;          // [group] or null
  const float* position_bias;  // [group][2 * bias_reach] or null, see AttentionShape
  int bias_reach;

  const std::byte* cache;  // keys of this head in page 0; the values follow value_offset later
  std::int64_t page_bytes, value_offset;
  const PageId* pages;
  quant::Type key_type, value_type;
  bool rotated_keys, rotated_values;

  /// Ranges [first_range, last_range). With `partials`, the states of the ranges are written there,
  /// [range - first_range][row][kStateHead + padded value_dim], instead of the finished rows.
  int first_range, last_range;
  float* partials;
};

struct VectorKernels {
  const char* isa;

  void (*rms_norm)(const float* x, const float* weight, float eps, float* out, std::int64_t n);
  /// x += y, then as rms_norm.
  void (*add_rms_norm)(float* x, const float* y, const float* weight, float eps, float* out,
                       std::int64_t n);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, float* out,
                     std::int64_t n);
  void (*add)(float* x, const float* y, std::int64_t n);
  void (*scale)(float* x, float factor, std::int64_t n);
  /// x += factor * y.
  void (*add_scaled)(float* x, const float* y, float factor, std::int64_t n);
  void (*softcap)(float* x, float c, std::int64_t n);
  /// up = act(gate) * up, or act(up) when gate is null.
  void (*activate)(Activation activation, const float* gate, float* up, std::int64_t n);

  /// One head. table: [rotated] cosines and [rotated] signed sines (adjacent), or
  /// [rotated / 2] cosines and as many sines (halves).
  void (*rope_adjacent)(float* x, const float* table, int rotated);
  void (*rope_halves)(float* x, const float* table, int rotated);

  void (*to_f16)(const float* x, std::uint16_t* out, std::int64_t n);
  void (*to_bf16)(const float* x, std::uint16_t* out, std::int64_t n);

  void (*attend)(const AttentionTask& task, const AttentionBuffers& buffers);
  /// Combines the partials of ranges [first_range, last_range) and writes the finished rows.
  void (*combine)(const AttentionTask& task, const AttentionBuffers& buffers);
};

/// The table for an instruction set of LinearEngine::isa().
const VectorKernels& vector_kernels(std::string_view isa);

namespace portable {
extern const VectorKernels kVectorKernels;
}
namespace avx2 {
extern const VectorKernels kVectorKernels;
}
namespace avx512 {
extern const VectorKernels kVectorKernels;
}
namespace neon {
extern const VectorKernels kVectorKernels;
}

}  // namespace llm::compute::cpu
