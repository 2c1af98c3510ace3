// Cuts the attention of a batch into tasks and gives them to the threads.
#pragma once

#include <span>
#include <vector>

#include "compute/cpu/arena.h"
#include "compute/cpu/paged_cache.h"
#include "compute/cpu/vector_kernels.h"
#include "compute/thread_pool.h"

namespace llm::compute::cpu {

class AttentionEngine {
 public:
  AttentionEngine(ThreadPool& threads, const VectorKernels& kernels);

  /// See Device::attention.
  void run(const PagedCache& cache, int layer, Tensor q, const AttentionShape& shape,
           std::span<const SequenceSlice> sequences, Tensor out, int team);

 private:
  void plan(const AttentionTask& common, const PagedCache& cache, int layer, Tensor q,
            const AttentionShape& shape, std::span<const SequenceSlice> sequences, Tensor out);
  void split_ranges(int team);
  void reserve(const AttentionShape& shape, const AttentionTask& common);
  AttentionBuffers buffers(int worker) const;

  ThreadPool& threads_;
  const VectorKernels& kernels_;
  std::vector<AttentionTask> tasks_;
  std::vector<AttentionTask> combinations_;  // of tasks that were split by ranges
  std::vector<float> partials_;
  Pages scratch_;
  std::size_t scratch_floats_ = 0;  // per worker
  int group_ = 0, head_dim_ = 0, padded_value_dim_ = 0;
};

}  // namespace llm::compute::cpu
