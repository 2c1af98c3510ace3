// What libllama-cuda.so offers to compute/gpu.cpp. The library and the program are built together:
// they share the types of compute/device.h, and errors are llm::Error on both sides.
#pragma once

#include <memory>
#include <vector>

#include "compute/cuda/runtime.h"
#include "compute/device.h"

namespace llm::compute::cuda {

struct Plugin {
  std::vector<Gpu> (*gpus)();
  std::unique_ptr<Device> (*make_device)(int gpu);
};

inline constexpr const char* kPluginFile = "libllama-cuda.so";
inline constexpr const char* kPluginVariable = "LLAMA_CUDA_LIBRARY";  // another file
/// extern "C" const Plugin* (); changes with what the two share.
inline constexpr const char* kPluginEntry = "llama_cuda_plugin_1";

}  // namespace llm::compute::cuda
