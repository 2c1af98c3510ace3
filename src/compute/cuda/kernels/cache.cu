#include "compute/cuda/kernels/cache.h"

#include "compute/cuda/kernels/cache_codec.h"
#include "compute/cuda/launch.h"

namespace llm::compute::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kBlockValues = 32;  // a thread rounds so many
constexpr int kRotated = 64;      // compute/hadamard.h

/// In place, for the threads of a warp: blocks of 64 values, two of them per lane.
__device__ void hadamard_in_warp(float* block) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int half = 1; half < kRotated; half *= 2) {
    // Pair p joins a value and the one `half` behind it.
    const int at = lane / half * 2 * half + lane % half;
    const float a = block[at], b = block[at + half];
    __syncwarp();
    block[at] = a + b;
    block[at + half] = a - b;
    __syncwarp();
  }
  block[lane] *= 0.125f;
  block[lane + kWarp] *= 0.125f;
  __syncwarp();
}

/// The same for a whole head, by all threads of a block.
__device__ void hadamard_in_block(float* head, int dim) {
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  __syncthreads();
  for (int b = static_cast<int>(threadIdx.x) / kWarp; b < dim / kRotated; b += warps) {
    hadamard_in_warp(head + b * kRotated);
  }
  __syncthreads();
}

/// Rounds a head that lies in shared memory, with zeros up to the padding, to a row.
__device__ void put_row(const CacheView& cache, float* head, std::uint8_t* row) {
  if (cache.rotated) hadamard_in_block(head, cache.dim);
  for (int b = static_cast<int>(threadIdx.x); b < (cache.padded + kBlockValues - 1) / kBlockValues;
       b += kThreads) {
    const int rest = cache.padded - b * kBlockValues;
    put_cache_block(cache.type, head + b * kBlockValues, row, b,
                    rest < kBlockValues ? rest : kBlockValues);
  }
}

/// Values of a row that kernels write: whole blocks of 32.
__host__ __device__ int whole_blocks(const CacheView& cache) {
  return (cache.padded + kBlockValues - 1) / kBlockValues * kBlockValues;
}

/// A block per token and head.
__global__ void store_kernel(CacheView cache, const float* x, const CachePlace* places) {
  float* head = shared_memory<float>();
  const std::int64_t token = blockIdx.x;
  const int h = static_cast<int>(blockIdx.y);
  const float* from = x + (token * cache.heads + h) * cache.dim;
  for (int i = static_cast<int>(threadIdx.x); i < whole_blocks(cache); i += kThreads) {
    head[i] = i < cache.dim ? from[i] : 0.0f;
  }
  __syncthreads();
  const CachePlace place = places[token];
  put_row(cache, head, cache_row(cache, place.page, h, place.slot));
}

/// Reads a row, turned, into scratch.
__global__ void take_kernel(CacheView cache, const CachePlace* from, std::uint8_t* scratch,
                            int rotated, bool halves, const float* cos, const float* sin) {
  float* head = shared_memory<float>();
  const std::int64_t i = blockIdx.x;
  const int h = static_cast<int>(blockIdx.y);
  const CachePlace place = from[i];
  const std::uint8_t* row = cache_row(cache, place.page, h, place.slot);
  std::uint8_t* to = scratch + (i * cache.heads + h) * cache.row_stride;
  if (cos == nullptr) {
    for (std::int64_t b = threadIdx.x; b < cache.row_stride; b += kThreads) to[b] = row[b];
    return;
  }
  for (int c = static_cast<int>(threadIdx.x); c < whole_blocks(cache); c += kThreads) {
    head[c] = c < cache.dim ? cache_value(cache.type, row, c) : 0.0f;
  }
  __syncthreads();
  if (cache.rotated) hadamard_in_block(head, cache.dim);
  const int pairs = rotated / 2;
  for (int p = static_cast<int>(threadIdx.x); p < pairs; p += kThreads) {
    float& a = head[halves ? p : 2 * p];
    float& b = head[halves ? p + pairs : 2 * p + 1];
    const float old = a;
    a = old * cos[p] - b * sin[p];
    b = old * sin[p] + b * cos[p];
  }
  __syncthreads();
  put_row(cache, head, to);
}

__global__ void put_kernel(CacheView cache, const CachePlace* to, const std::uint8_t* scratch) {
  const std::int64_t i = blockIdx.x;
  const int h = static_cast<int>(blockIdx.y);
  const CachePlace place = to[i];
  std::uint8_t* row = cache_row(cache, place.page, h, place.slot);
  const std::uint8_t* from = scratch + (i * cache.heads + h) * cache.row_stride;
  for (std::int64_t b = threadIdx.x; b < cache.row_stride; b += kThreads) row[b] = from[b];
}

__global__ void hadamard_kernel(float* x, std::int64_t blocks) {
  const std::int64_t block =
      static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  if (block < blocks) hadamard_in_warp(x + block * kRotated);
}

std::size_t head_bytes(const CacheView& cache) {
  return static_cast<std::size_t>(whole_blocks(cache)) * sizeof(float);
}

}  // namespace

void store_rows(const Queue& queue, const CacheView& cache, const float* x,
                const CachePlace* places, int tokens) {
  const dim3 grid(static_cast<unsigned>(tokens), static_cast<unsigned>(cache.heads));
  launch(queue, store_kernel, grid, kThreads, head_bytes(cache), cache, x, places);
}

std::int64_t move_scratch_bytes(const CacheView& cache, int count) {
  return static_cast<std::int64_t>(count) * cache.heads * cache.row_stride;
}

void move_rows(const Queue& queue, const CacheView& cache, const CachePlace* from,
               const CachePlace* to, int count, std::uint8_t* scratch, int rotated,
               Rope::Pairing pairing, const float* cos, const float* sin) {
  const dim3 grid(static_cast<unsigned>(count), static_cast<unsigned>(cache.heads));
  launch(queue, take_kernel, grid, kThreads, head_bytes(cache), cache, from, scratch, rotated,
         pairing == Rope::Pairing::halves, cos, sin);
  launch(queue, put_kernel, grid, kThreads, 0, cache, to, scratch);
}

void hadamard(const Queue& queue, float* x, std::int64_t count) {
  const std::int64_t blocks = count / kRotated, per_block = kThreads / kWarp;
  launch(queue, hadamard_kernel, static_cast<unsigned>((blocks + per_block - 1) / per_block),
         kThreads, 0, x, blocks);
}

}  // namespace llm::compute::cuda
