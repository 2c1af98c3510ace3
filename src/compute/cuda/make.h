// The CUDA device for those who know its interface only.
#pragma once

#include <memory>

#include "compute/device.h"

namespace llm::compute::cuda {

/// `gpu`: an index into gpus(). Throws Error when it cannot be used.
std::unique_ptr<Device> make_cuda_device(int gpu);

}  // namespace llm::compute::cuda
