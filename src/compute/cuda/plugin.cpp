#include "compute/cuda/plugin.h"

#include "compute/cuda/make.h"

extern "C" __attribute__((visibility("default"))) const llm::compute::cuda::Plugin*
llama_cuda_plugin_1() {
  static const llm::compute::cuda::Plugin plugin{&llm::compute::cuda::gpus,
                                                 &llm::compute::cuda::make_cuda_device};
  return &plugin;
}
