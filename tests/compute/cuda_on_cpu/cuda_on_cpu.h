// CUDA C++ on the CPU, for tests on machines without a GPU: the .cu files of src/compute/cuda are
// compiled as C++ with this header, and each thread of a block runs as a fibre.
//
// Blocks run one after another on the calling thread. Threads that reach a barrier or a warp's
// exchange wait until all others of the block, or of the warp, are there; when they never come, the
// program ends with a message. It proves indices and logic, not speed, and not the order in which
// a GPU's memory sees stores.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// All fibres of a block run on one thread of the host.
#define __shared__ static thread_local

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) {
  return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

namespace cuda_on_cpu {

struct Place {
  dim3 thread, block, block_size, grid_size;
};
/// Of the thread that runs now.
const Place& place();

/// Runs a kernel's threads, block by block. `shared_bytes` of dynamic shared memory begin as NaNs
/// in every block.
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread);
void* dynamic_shared();

/// The order in which threads run; results must not depend on it.
enum class Order { ascending, descending };
void set_order(Order order);

void wait_for_block();
/// Returns lane -> value of all lanes of the warp, once all have come here. `what` must be the same
/// for all of them.
const std::uint64_t* exchange(const char* what, std::uint64_t value);
int lane();

template <class T>
T of_lane(const char* what, T value, int from) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const std::uint64_t* all = exchange(what, bits);
  T result;
  std::memcpy(&result, &all[from & 31], sizeof(T));
  return result;
}

}  // namespace cuda_on_cpu

#define threadIdx (cuda_on_cpu::place().thread)
#define blockIdx (cuda_on_cpu::place().block)
#define blockDim (cuda_on_cpu::place().block_size)
#define gridDim (cuda_on_cpu::place().grid_size)

inline void __syncthreads() {
  cuda_on_cpu::wait_for_block();
}
inline void __syncwarp(unsigned = 0xffffffffu) {
  cuda_on_cpu::exchange("__syncwarp", 0);
}
template <class T>
T __shfl_sync(unsigned, T value, int from) {
  return cuda_on_cpu::of_lane("__shfl_sync", value, from);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return cuda_on_cpu::of_lane("__shfl_xor_sync", value, cuda_on_cpu::lane() ^ mask);
}
inline unsigned __ballot_sync(unsigned, int predicate) {
  const std::uint64_t* all = cuda_on_cpu::exchange("__ballot_sync", predicate != 0);
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<unsigned>(all[i] & 1) << i;
  return bits;
}
inline int __popc(unsigned x) {
  return std::popcount(x);
}
template <class T>
T __ldg(const T* p) {
  return *p;
}

namespace llm::compute::cuda {

/// As in launch.h.
template <class... Parameters, class... Arguments>
void launch(const class Queue&, void (*kernel)(Parameters...), dim3 grid, dim3 block,
            std::size_t shared_bytes, Arguments&&... arguments) {
  cuda_on_cpu::run(grid, block, shared_bytes,
                   [&] { kernel(static_cast<Parameters>(arguments)...); });
}

template <class T>
T* shared_memory() {
  return static_cast<T*>(cuda_on_cpu::dynamic_shared());
}

}  // namespace llm::compute::cuda
