// What the CUDA device needs of a GPU besides kernels: memory, copies, and a queue of work.
// runtime_cuda.cpp has it for real GPUs; tests/compute/cuda_on_cpu has it for machines without one,
// where kernels run on the CPU, a fibre per thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace llm::compute::cuda {

/// One GPU of this machine.
struct Gpu {
  std::string name;          // "NVIDIA H200"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t total_bytes = 0, free_bytes = 0;
};

/// Throws Error that says why when the driver is missing or too old.
std::vector<Gpu> gpus();

/// Work of one GPU in order, and its memory. All calls come from one thread at a time, except where
/// said. Errors of the GPU come out as Error, naming it, at the latest from wait().
class Queue {
 public:
  explicit Queue(int gpu);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// Memory of the GPU, aligned to 256 bytes, contents undefined. Throws Error with the bytes asked
  /// for and those that are free.
  void* allocate(std::size_t bytes);
  void release(void* memory);
  /// Memory of the host that copies go to and from without another copy.
  void* allocate_pinned(std::size_t bytes);
  void release_pinned(void* memory);

  // Copies in the queue's order. `from` of an upload that is not pinned may be changed when the
  // call returns; pinned memory only after wait(). A download is complete after wait().
  void upload(void* to, const void* from, std::size_t bytes);
  void download(void* to, const void* from, std::size_t bytes);
  void copy(void* to, const void* from, std::size_t bytes);
  void clear(void* to, std::size_t bytes);

  /// Returns when all that was put into the queue is done.
  void wait();

  int gpu() const { return gpu_; }
  int multiprocessors() const { return multiprocessors_; }
  /// The cudaStream_t, for launch.h.
  void* stream() const { return stream_; }

 private:
  int gpu_;
  int multiprocessors_ = 1;
  void* stream_ = nullptr;
};

// For launch.h on real GPUs.
/// Makes the queue's GPU the one of this thread, and much shared memory allowed.
void prepare_launch(const Queue& queue, const void* kernel, std::size_t shared_bytes);
/// Throws Error when the last launch was refused.
void check_launch(const Queue& queue);

}  // namespace llm::compute::cuda
