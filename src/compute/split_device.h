// Several devices as one: each computes its own layers of a model, and what a layer hands to the
// next goes from one to the other through the host. Parts of a layer can stay on the CPU: products
// of experts (their weights are most of a mixture's bytes, and only a few are read per token), and
// the cache with the attention over it.
//
// Every device keeps its promise of device.h, and which device computes a layer never changes, so
// the whole keeps it, too.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/device.h"

namespace llm::compute {

struct LayerPlaces {
  /// Of each layer, and last of the output: an index into the devices.
  std::vector<int> device_of;
  /// Layers from the first on whose experts are computed by the CPU.
  int cpu_experts = 0;
  /// Keys and values of all layers are kept, and read, by the CPU.
  bool cpu_cache = false;
};

/// `cpu`: one of the devices, for what places give to the CPU; it reads host memory. Throws Error
/// when a place names no device.
std::unique_ptr<Device> make_split_device(std::vector<std::unique_ptr<Device>> devices,
                                          std::size_t cpu, const LayerPlaces& places);

}  // namespace llm::compute
