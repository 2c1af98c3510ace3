// GPUs of this machine. Their device is a library of its own (src/compute/cuda), looked for when it
// is first asked for - beside the program, in ../lib, and where the system looks, unless
// LLAMA_CUDA_LIBRARY names it - so that a program runs on machines without GPU, driver or library.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compute/device.h"

namespace llm::compute {

struct GpuInfo {
  std::string id;    // "CUDA0"
  std::string name;  // "NVIDIA H200"
  std::size_t total_bytes = 0, free_bytes = 0;
};

/// As they are now; empty when there is none. Any thread.
std::vector<GpuInfo> list_gpus();

/// One line for people when list_gpus() is empty: no library, no driver, no GPU.
std::string why_no_gpu();

/// The id that is meant: "cuda:0" is "CUDA0".
std::string gpu_id(std::string_view spelled);

/// By its id, or in the form "cuda:0". Throws Error that lists the ids, or says what the GPU lacks.
std::unique_ptr<Device> make_gpu_device(std::string_view id);

}  // namespace llm::compute
