// The device that a model runs on: what the options about threads and GPUs, the GPUs of this
// machine and the sizes of the model come to.
#pragma once

#include <memory>
#include <string>

#include "compute/device.h"
#include "gguf/reader.h"
#include "options/options.h"
#include "quant/type.h"

namespace llm {

/// What the placement of a model has to make room for.
struct DeviceWish {
  GpuOptions gpu;
  compute::CpuSettings cpu;
  int context = 0;  // tokens of cache over all slots; 0: automatic
  quant::Type key_type = quant::Type::f16, value_type = quant::Type::f16;
  int step_tokens = 512;  // most tokens of one computation
};

struct ChosenDevice {
  std::unique_ptr<compute::Device> device;
  int context = 0;  // as wished; an automatic one is chosen when the cache is on GPUs
};

/// The CPU where no GPU is wished for or there is none, with a warning when one was asked for.
/// Logs where the layers go. Throws Error for GPUs that are not there, and for what cannot fit.
ChosenDevice choose_device(const DeviceWish& wish, const gguf::File& file);

/// Throws Error when GPUs are named that are not there: before a model is downloaded.
void check_devices(const GpuOptions& gpu);

/// Of --list-devices: a heading and a line per GPU.
std::string device_list();

}  // namespace llm
