// Which device computes which layers of a model: decided from the head of the file and the free
// memory of the GPUs, before anything is loaded. Plain numbers in, a plan out.
//
// The units of a plan are the layers and, behind them, the output. GPUs get the last n units, in
// order; the CPU has the others. What one GPU must hold is the weights of its units, their part of
// the cache, and room for one step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compute/split_device.h"
#include "gguf/reader.h"
#include "quant/type.h"

namespace llm {

/// Bytes that the parts of a model take.
struct ModelSizes {
  struct Layer {
    std::uint64_t weights = 0;  // all but the experts
    std::uint64_t experts = 0;  // stacks of them
    double cache_per_token = 0;
  };
  std::vector<Layer> layers;
  std::uint64_t output =
      0;                   // its matrix (the table of tokens, when there is none) and what is left
  std::uint64_t step = 0;  // activations of one step, see measure()
  int context_train = 0;

  bool has_experts() const;
};

/// From the head of the file. `step_tokens`: the most tokens of one step.
ModelSizes measure(const gguf::File& file, quant::Type key_type, quant::Type value_type,
                   int step_tokens);

struct GpuRoom {
  std::string id;  // "CUDA0"
  std::uint64_t free_bytes = 0;
  std::uint64_t margin_bytes = 0;  // to be left free
};

struct PlacementWish {
  static constexpr int kAutomatic = -1;
  int gpu_units = kAutomatic;  // layers and output on GPUs, at most all; kAutomatic: what fits
  std::vector<double> shares;  // of the GPUs, by weight; empty: by what is free
  int cpu_experts = 0;         // layers from the first on whose experts stay on the CPU
  bool cpu_cache = false;
  int context = 0;              // tokens of cache over all slots; 0: as much as fits, see below
  int smallest_context = 4096;  // that an automatic context may shrink to before layers move
  bool check = true;            // false: what does not fit is not refused
};

struct Placement {
  compute::LayerPlaces places;  // devices: 0 the CPU, then the GPUs in their order
  int context = 0;              // as wished, or chosen
  int gpu_units = 0;

  struct Load {
    std::string device;
    int first_layer = 0, layers = 0;
    bool has_output = false;
    std::uint64_t weights = 0, cache = 0, step = 0;
    std::uint64_t bytes() const { return weights + cache + step; }
  };
  std::vector<Load> loads;  // the CPU's first

  /// A line per device for people: layers, weights, cache, working memory.
  std::vector<std::string> table() const;
};

/// `rooms` must not be empty. An automatic context is the trained one, or the largest that lets all
/// units be on GPUs, or at least smallest_context. Throws Error when the wish does not fit: what is
/// missing, and the cheapest ways to make it fit.
Placement place(const ModelSizes& sizes, const std::vector<GpuRoom>& rooms,
                const PlacementWish& wish);

}  // namespace llm
