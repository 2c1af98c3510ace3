#include "compute/cuda/runtime.h"

#include <cuda_runtime.h>

#include "base/error.h"

namespace llm::compute::cuda {
namespace {

constexpr double kMiB = 1 << 20;

void check(cudaError_t result, int gpu, const char* what) {
  if (result != cudaSuccess) {
    fail("CUDA{}: {}: {} ({})", gpu, what, cudaGetErrorString(result), cudaGetErrorName(result));
  }
}

/// The GPU that calls of this thread are for: several may be in use.
void select(int gpu) {
  check(cudaSetDevice(gpu), gpu, "cannot be used");
}

cudaStream_t stream_of(const Queue& queue) {
  return static_cast<cudaStream_t>(queue.stream());
}

}  // namespace

std::vector<Gpu> gpus() {
  int count = 0;
  const cudaError_t result = cudaGetDeviceCount(&count);
  if (result == cudaErrorNoDevice) return {};
  if (result == cudaErrorInsufficientDriver) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver == 0) fail("no NVIDIA driver");
    fail("the NVIDIA driver knows CUDA {}.{}, this build needs {}.{}", driver / 1000,
         driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  }
  if (result != cudaSuccess) {
    fail("no NVIDIA GPU can be used: {}", cudaGetErrorString(result));
  }
  std::vector<Gpu> list;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, i), i, "cannot be asked for its properties");
    select(i);
    Gpu gpu{.name = properties.name,
            .major = properties.major,
            .minor = properties.minor,
            .multiprocessors = properties.multiProcessorCount};
    check(cudaMemGetInfo(&gpu.free_bytes, &gpu.total_bytes), i, "cannot be asked for its memory");
    list.push_back(std::move(gpu));
  }
  return list;
}

Queue::Queue(int gpu) : gpu_(gpu) {
  select(gpu);
  check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, gpu), gpu,
        "cannot be asked for its properties");
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), gpu, "no queue");
  stream_ = stream;
}

Queue::~Queue() {
  // Nothing may be thrown here; what is wrong with the GPU was said by wait().
  cudaSetDevice(gpu_);
  cudaStreamDestroy(stream_of(*this));
}

void* Queue::allocate(std::size_t bytes) {
  select(gpu_);
  void* memory = nullptr;
  const cudaError_t result = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail("CUDA{}: {:.0f} MiB of memory are needed, {:.0f} are free", gpu_,
         static_cast<double>(bytes) / kMiB, static_cast<double>(free) / kMiB);
  }
  check(result, gpu_, "no memory");
  return memory;
}

void Queue::release(void* memory) {
  if (memory == nullptr) return;
  cudaSetDevice(gpu_);
  cudaFree(memory);
}

void* Queue::allocate_pinned(std::size_t bytes) {
  select(gpu_);
  void* memory = nullptr;
  check(cudaMallocHost(&memory, bytes > 0 ? bytes : 1), gpu_, "no pinned memory");
  return memory;
}

void Queue::release_pinned(void* memory) {
  if (memory != nullptr) cudaFreeHost(memory);
}

void Queue::upload(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  select(gpu_);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(*this)), gpu_, "a copy");
}

void Queue::download(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  select(gpu_);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(*this)), gpu_, "a copy");
}

void Queue::copy(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  select(gpu_);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_of(*this)), gpu_,
        "a copy");
}

void Queue::clear(void* to, std::size_t bytes) {
  if (bytes == 0) return;
  select(gpu_);
  check(cudaMemsetAsync(to, 0, bytes, stream_of(*this)), gpu_, "clearing memory");
}

void Queue::wait() {
  select(gpu_);
  check(cudaStreamSynchronize(stream_of(*this)), gpu_, "a computation");
}

void prepare_launch(const Queue& queue, const void* kernel, std::size_t shared_bytes) {
  select(queue.gpu());
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  if (shared_bytes <= kWithoutAsking) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes)),
        queue.gpu(), "shared memory of a kernel");
}

void check_launch(const Queue& queue) {
  check(cudaGetLastError(), queue.gpu(), "starting a kernel");
}

}  // namespace llm::compute::cuda
