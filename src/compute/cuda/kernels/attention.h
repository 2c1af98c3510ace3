// Attention over the paged cache with an online softmax (arXiv:2205.14135).
//
// Positions are cut into chunks of fixed size. A query row (one head of one token) takes the pages
// of a chunk in order, and joins the chunks in order. Few rows: each chunk is a piece of work of
// its own, and a second kernel joins them; many rows: one piece of work takes all chunks. Both do
// the same arithmetic, so that a row's result depends on its own sequence alone.
#pragma once

#include <cstdint>

#include "compute/cuda/kernels/cache.h"
#include "compute/cuda/runtime.h"
#include "compute/device.h"

namespace llm::compute::cuda {

inline constexpr int kChunkPages = 16;  // 512 positions

/// A sequence of the batch.
struct AttentionSequence {
  std::int32_t first_token, token_count;
  std::int32_t first_position;  // of its first token
  std::int32_t stored;          // positions in the cache, its own tokens included
  std::int32_t first_page;      // of its page table, in the table of all
};

/// A piece of work: some query rows of a sequence and one of its kv heads.
struct AttentionTile {
  std::int32_t sequence, kv_head;
  std::int32_t first_row;  // rows of a kv head: token * group + head of the group
  std::int32_t chunk;      // or -1: all of them
};

/// All pointers are of the GPU.
struct AttentionTask {
  CacheView keys, values;
  const float* q = nullptr;  // [tokens, heads * key dim]
  float* out = nullptr;      // [tokens, heads * value dim]
  AttentionShape shape = {};
  const AttentionSequence* sequences = nullptr;
  const std::int32_t* pages = nullptr;
  const AttentionTile* tiles = nullptr;
  int tile_count = 0;
  /// With chunks of their own: [tokens, heads, chunks] of value dim + 2 floats.
  float* parts = nullptr;
  int chunks = 0;  // most of any sequence
};

inline constexpr int kTileRows = 8;  // query rows of a tile
/// sequence_of [tokens]: where tiles have chunks of their own, to join these; else null.
void attend(const Queue& queue, const AttentionTask& task, const std::int32_t* sequence_of,
            int tokens);

}  // namespace llm::compute::cuda
