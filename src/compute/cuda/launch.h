// What kernels are written with, so that the same files are compiled by nvcc for GPUs and by the
// host's compiler for tests (tests/compute/cuda_on_cpu):
//
// - kernels are plain CUDA C++ over threadIdx, blockIdx, blockDim and gridDim, without inline
//   assembly and without <<<>>>; they are started by launch();
// - static shared memory is `__shared__ T name[N];`, of trivial types, once per kernel instance;
//   dynamic shared memory comes from shared_memory<T>();
// - warps are 32 threads; all lanes of a warp reach each shuffle, and all threads of a block reach
//   each __syncthreads();
// - 16-bit floats are kept as std::uint16_t and converted by numbers.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute/cuda/runtime.h"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "cuda_on_cpu.h"  // tests/compute/cuda_on_cpu
#endif

namespace llm::compute::cuda {

inline constexpr int kWarp = 32;

#if defined(__CUDACC__)

/// Puts a kernel into the queue: `grid` blocks of `block` threads with that much dynamic shared
/// memory. Arguments are converted to the kernel's parameter types.
template <class... Parameters, class... Arguments>
void launch(const Queue& queue, void (*kernel)(Parameters...), dim3 grid, dim3 block,
            std::size_t shared_bytes, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  prepare_launch(queue, reinterpret_cast<const void*>(kernel), shared_bytes);
  kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(queue.stream())>>>(
      static_cast<Parameters>(arguments)...);
  check_launch(queue);
}

/// The block's dynamic shared memory, aligned to 16 bytes.
template <class T>
__device__ T* shared_memory() {
  extern __shared__ uint4 llm_dynamic_shared[];
  return reinterpret_cast<T*>(llm_dynamic_shared);
}

#endif  // else: cuda_on_cpu.h has the same

}  // namespace llm::compute::cuda
