#include "compute/cuda/kernels/attention.h"

#include <limits>

#include "compute/cuda/kernels/cache_codec.h"
#include "compute/cuda/launch.h"
#include "compute/cuda/refuse.h"

namespace llm::compute::cuda {
namespace {

constexpr int kWarps = kTileRows;  // each has one query row
constexpr int kThreads = kWarps * kWarp;
constexpr float kNone = -std::numeric_limits<float>::infinity();
static_assert(kPageTokens == kWarp, "a lane has a key of a page");

/// Softmax and weighted sum of what a row has seen so far. Lane l has the values l, l + 32, ...
template <int kParts>
struct Row {
  float top = kNone, sum = 0;
  float values[kParts] = {};

  /// Everything so far counts by this much when the largest score becomes `next`.
  __device__ static float shrink(float top, float next) {
    return top == kNone ? 0.0f : expf(top - next);
  }

  __device__ void join(const Row& other) {
    const float next = fmaxf(top, other.top);
    const float own = shrink(top, next), its = shrink(other.top, next);
    sum = fmaf(sum, own, other.sum * its);
#pragma unroll
    for (int i = 0; i < kParts; ++i) values[i] = fmaf(values[i], own, other.values[i] * its);
    top = next;
  }
};

/// The positions that a query sees: [first, last].
struct View {
  int first, last;
  __device__ View(const AttentionShape& shape, int position, int stored) {
    const int reach = shape.window / 2;
    const int behind = shape.causal ? shape.window - 1 : reach;
    first = shape.window > 0 && position > behind ? position - behind : 0;
    last = shape.causal ? position : stored - 1;
    if (!shape.causal && shape.window > 0 && position + reach < last) last = position + reach;
  }
};

/// What a block works on.
struct Place {
  AttentionSequence sequence;
  int kv_head, head, token, position;
  bool is_row;  // warps behind the last row help to load pages only

  __device__ Place(const AttentionTask& task, const AttentionTile& tile)
      : sequence(task.sequences[tile.sequence]), kv_head(tile.kv_head) {
    const int group = task.shape.heads / task.shape.kv_heads;
    const int row = tile.first_row + static_cast<int>(threadIdx.x) / kWarp;
    is_row = row < sequence.token_count * group;
    token = is_row ? row / group : 0;
    head = kv_head * group + (is_row ? row % group : 0);
    position = sequence.first_position + token;
  }
};

/// Expands a page's rows of one head into shared memory, `pitch` floats apart.
__device__ void load_page(const CacheView& cache, std::int64_t page, int head, int pitch,
                          float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < kPageTokens * cache.dim; i += kThreads) {
    const int slot = i / cache.dim, c = i % cache.dim;
    to[slot * pitch + c] = cache_value(cache.type, cache_row(cache, page, head, slot), c);
  }
}

/// The score of this lane's key.
__device__ float score_of(const AttentionTask& task, const Place& place, const float* query,
                          const float* key, int position) {
  const AttentionShape& shape = task.shape;
  float score = 0;
  for (int c = 0; c < shape.head_dim; ++c) score = fmaf(query[c], key[c], score);
  score *= shape.scale;
  if (shape.softcap > 0) score = shape.softcap * tanhf(score / shape.softcap);
  if (shape.position_bias != nullptr) {
    const std::int64_t row = static_cast<std::int64_t>(place.head) * 2 * shape.bias_reach;
    score += shape.position_bias[row + shape.bias_reach + position - place.position];
  }
  return score;
}

template <int kParts>
__device__ void take_page(Row<kParts>& row, float score, bool is_seen, const float* page_values,
                          int dim) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float best = is_seen ? score : kNone;
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, step));
  }
  const float next = fmaxf(row.top, best);
  const float own = Row<kParts>::shrink(row.top, next);
  float weight = is_seen ? expf(score - next) : 0.0f;
  float sum = weight;
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  row.sum = fmaf(row.sum, own, sum);
  row.top = next;
#pragma unroll
  for (int i = 0; i < kParts; ++i) row.values[i] *= own;
  for (int key = 0; key < kPageTokens; ++key) {
    const float w = __shfl_sync(0xffffffffu, weight, key);
    if (w == 0) continue;  // also what may not be seen, whatever lies there
#pragma unroll
    for (int i = 0; i < kParts; ++i) {
      const int c = lane + i * kWarp;
      if (c < dim) row.values[i] = fmaf(w, page_values[key * dim + c], row.values[i]);
    }
  }
}

/// The row over one chunk. All threads of the block come here together.
template <int kParts>
__device__ Row<kParts> take_chunk(const AttentionTask& task, const Place& place, const View& view,
                                  int chunk, int first_page, int last_page, const float* queries,
                                  float* page_values) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int key_pitch = task.shape.head_dim + 1;  // neighbouring lanes in different banks
  Row<kParts> row;
  const int begin = chunk * kChunkPages > first_page ? chunk * kChunkPages : first_page;
  const int end =
      (chunk + 1) * kChunkPages - 1 < last_page ? (chunk + 1) * kChunkPages - 1 : last_page;
  for (int p = begin; p <= end; ++p) {
    const std::int64_t page = task.pages[place.sequence.first_page + p];
    const int position = p * kPageTokens + lane;
    const bool is_seen = place.is_row && position >= view.first && position <= view.last;
    const bool any = __ballot_sync(0xffffffffu, is_seen ? 1 : 0) != 0;
    __syncthreads();
    load_page(task.keys, page, place.kv_head, key_pitch, page_values);
    __syncthreads();
    const float score = is_seen ? score_of(task, place, queries + warp * task.shape.head_dim,
                                           page_values + lane * key_pitch, position)
                                : 0.0f;
    __syncthreads();
    load_page(task.values, page, place.kv_head, task.shape.value_dim, page_values);
    __syncthreads();
    if (any) take_page(row, score, is_seen, page_values, task.shape.value_dim);
  }
  return row;
}

template <int kParts>
__device__ void finish(const AttentionTask& task, Row<kParts> row, std::int64_t token, int head) {
  const AttentionShape& shape = task.shape;
  float keep = 1;
  if (shape.sinks != nullptr) {
    const float sink = shape.sinks[head], next = fmaxf(row.top, sink);
    keep = Row<kParts>::shrink(row.top, next);
    row.sum = fmaf(row.sum, keep, expf(sink - next));
  }
  float* out = task.out + (token * shape.heads + head) * shape.value_dim;
#pragma unroll
  for (int i = 0; i < kParts; ++i) {
    const int c = static_cast<int>(threadIdx.x) % kWarp + i * kWarp;
    if (c < shape.value_dim) out[c] = row.values[i] * keep / row.sum;
  }
}

/// Shared memory: the rows' queries, then keys or values of a page.
template <int kParts>
__global__ void __launch_bounds__(kThreads) attend_kernel(AttentionTask task) {
  float* queries = shared_memory<float>();
  float* page_values = queries + kWarps * task.shape.head_dim;
  const AttentionTile tile = task.tiles[blockIdx.x];
  const Place place(task, tile);
  const View view(task.shape, place.position, place.sequence.stored);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t token = place.sequence.first_token + place.token;
  const float* q = task.q + (token * task.shape.heads + place.head) * task.shape.head_dim;
  for (int c = lane; c < task.shape.head_dim; c += kWarp)
    queries[warp * task.shape.head_dim + c] = q[c];

  // The pages that any row of the tile sees. Rows skip those that they do not see.
  const int group = task.shape.heads / task.shape.kv_heads;
  int last_row = tile.first_row + kWarps - 1;
  const int rows = place.sequence.token_count * group;
  if (last_row >= rows) last_row = rows - 1;
  const View head_view(task.shape, place.sequence.first_position + tile.first_row / group,
                       place.sequence.stored);
  const View tail_view(task.shape, place.sequence.first_position + last_row / group,
                       place.sequence.stored);
  const int first_page = head_view.first / kPageTokens, last_page = tail_view.last / kPageTokens;

  if (tile.chunk < 0) {
    Row<kParts> all;
    for (int chunk = first_page / kChunkPages; chunk <= last_page / kChunkPages; ++chunk) {
      all.join(take_chunk<kParts>(task, place, view, chunk, first_page, last_page, queries,
                                  page_values));
    }
    if (place.is_row) finish(task, all, token, place.head);
    return;
  }
  const Row<kParts> row = take_chunk<kParts>(task, place, view, tile.chunk, first_page, last_page,
                                             queries, page_values);
  if (!place.is_row) return;
  float* part = task.parts + ((token * task.shape.heads + place.head) * task.chunks + tile.chunk) *
                                 (task.shape.value_dim + 2);
#pragma unroll
  for (int i = 0; i < kParts; ++i) {
    if (lane + i * kWarp < task.shape.value_dim) part[lane + i * kWarp] = row.values[i];
  }
  if (lane == 0) {
    part[task.shape.value_dim] = row.top;
    part[task.shape.value_dim + 1] = row.sum;
  }
}

/// A warp per query row joins its chunks.
template <int kParts>
__global__ void join_kernel(AttentionTask task, const AttentionSequence* sequences,
                            const std::int32_t* sequence_of) {
  const std::int64_t token = blockIdx.x;
  const int head = static_cast<int>(blockIdx.y), lane = static_cast<int>(threadIdx.x);
  const AttentionSequence sequence = sequences[sequence_of[token]];
  const int position = sequence.first_position + static_cast<int>(token) - sequence.first_token;
  const View view(task.shape, position, sequence.stored);
  constexpr int kChunkTokens = kChunkPages * kPageTokens;
  const float* parts =
      task.parts + (token * task.shape.heads + head) * task.chunks * (task.shape.value_dim + 2);
  Row<kParts> all;
  for (int chunk = view.first / kChunkTokens; chunk <= view.last / kChunkTokens; ++chunk) {
    const float* part = parts + static_cast<std::int64_t>(chunk) * (task.shape.value_dim + 2);
    Row<kParts> row;
    for (int i = 0; i < kParts; ++i) {
      if (lane + i * kWarp < task.shape.value_dim) row.values[i] = part[lane + i * kWarp];
    }
    row.top = part[task.shape.value_dim];
    row.sum = part[task.shape.value_dim + 1];
    all.join(row);
  }
  finish(task, all, token, head);
}

template <int kParts>
void attend_as(const Queue& queue, const AttentionTask& task, const std::int32_t* sequence_of,
               int tokens) {
  const auto keys = static_cast<std::size_t>(kPageTokens * (task.shape.head_dim + 1));
  const auto values = static_cast<std::size_t>(kPageTokens * task.shape.value_dim);
  const std::size_t floats =
      static_cast<std::size_t>(kWarps * task.shape.head_dim) + (keys > values ? keys : values);
  launch(queue, attend_kernel<kParts>, static_cast<unsigned>(task.tile_count), kThreads,
         floats * sizeof(float), task);
  if (sequence_of == nullptr) return;
  const dim3 grid(static_cast<unsigned>(tokens), static_cast<unsigned>(task.shape.heads));
  launch(queue, join_kernel<kParts>, grid, kWarp, 0, task, task.sequences, sequence_of);
}

}  // namespace

void attend(const Queue& queue, const AttentionTask& task, const std::int32_t* sequence_of,
            int tokens) {
  const int parts = (task.shape.value_dim + kWarp - 1) / kWarp;
  if (parts <= 2) {
    attend_as<2>(queue, task, sequence_of, tokens);
  } else if (parts <= 4) {
    attend_as<4>(queue, task, sequence_of, tokens);
  } else if (parts <= 8) {
    attend_as<8>(queue, task, sequence_of, tokens);
  } else if (parts <= 16) {
    attend_as<16>(queue, task, sequence_of, tokens);
  } else {
    refuse("attention heads of " + std::to_string(task.shape.value_dim) +
           " values are more than a GPU takes here");
  }
}

}  // namespace llm::compute::cuda
