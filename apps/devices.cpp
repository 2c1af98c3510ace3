#include "devices.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "compute/gpu.h"
#include "compute/split_device.h"
#include "model/placement.h"

namespace llm {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string ids_of(const std::vector<compute::GpuInfo>& gpus) {
  std::string text;
  for (const compute::GpuInfo& gpu : gpus) text += (text.empty() ? "" : ", ") + gpu.id;
  return text;
}

/// The GPUs that options allow, in the order in which they get layers.
std::vector<compute::GpuInfo> chosen_gpus(const GpuOptions& options) {
  const std::vector<compute::GpuInfo> all = compute::list_gpus();
  std::vector<compute::GpuInfo> chosen;
  for (const std::string& id : options.devices) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const compute::GpuInfo& gpu) {
      return gpu.id == compute::gpu_id(id);
    });
    if (all.empty())
      fail("--device: there is no '{}': no GPU here ({})", id, compute::why_no_gpu());
    if (found == all.end()) fail("--device: there is no '{}', only {}", id, ids_of(all));
    chosen.push_back(*found);
  }
  if (options.devices.empty()) chosen = all;
  if (chosen.empty()) return chosen;
  if (options.split == "none") {
    if (static_cast<std::size_t>(options.main) >= chosen.size())
      fail("--main-gpu: there are {} GPUs, counted from 0, got {}", chosen.size(), options.main);
    chosen = {chosen[static_cast<std::size_t>(options.main)]};
  }
  if (options.shares.size() > chosen.size() && options.split != "none")
    fail("--tensor-split: {} shares for {} GPUs ({})", options.shares.size(), chosen.size(),
         ids_of(chosen));
  return chosen;
}

std::vector<GpuRoom> rooms_of(const std::vector<compute::GpuInfo>& gpus,
                              const GpuOptions& options) {
  std::vector<GpuRoom> rooms;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    const auto& margins = options.margins_mib;
    const int margin = margins[std::min(i, margins.size() - 1)];
    rooms.push_back({.id = gpus[i].id,
                     .free_bytes = gpus[i].free_bytes,
                     .margin_bytes = static_cast<std::uint64_t>(margin) * kMiB});
  }
  return rooms;
}

PlacementWish placement_wish(const DeviceWish& wish) {
  const GpuOptions& gpu = wish.gpu;
  return {
      .gpu_units = gpu.layers == GpuOptions::kAutomatic ? PlacementWish::kAutomatic : gpu.layers,
      .shares = gpu.split == "none" ? std::vector<double>()
                                    : std::vector<double>(gpu.shares.begin(), gpu.shares.end()),
      .cpu_experts = gpu.cpu_expert_layers,
      .cpu_cache = !gpu.cache,
      .context = wish.context,
      .smallest_context = gpu.smallest_context,
      .check = gpu.fit};
}

/// Without a GPU flags about them do nothing, which whoever gave them should know.
void warn_of_cpu(const GpuOptions& gpu) {
  const bool asked = gpu.layers > 0;
  if (asked)
    log::warn("--gpu-layers: no GPU here ({}), the model runs on the CPU", compute::why_no_gpu());
}

}  // namespace

ChosenDevice choose_device(const DeviceWish& wish, const gguf::File& file) {
  const auto on_cpu = [&] {
    return ChosenDevice{.device = compute::make_cpu_device(wish.cpu), .context = wish.context};
  };
  if (wish.gpu.none || wish.gpu.layers == 0) return on_cpu();
  const std::vector<compute::GpuInfo> gpus = chosen_gpus(wish.gpu);
  if (gpus.empty()) {
    warn_of_cpu(wish.gpu);
    return on_cpu();
  }
  const ModelSizes sizes = measure(file, wish.key_type, wish.value_type, wish.step_tokens);
  const Placement plan = place(sizes, rooms_of(gpus, wish.gpu), placement_wish(wish));
  if (plan.gpu_units == 0) {
    log::warn("not one layer fits on {}, the model runs on the CPU", ids_of(gpus));
    return on_cpu();
  }
  for (const std::string& line : plan.table()) log::info("{}", line);
  std::vector<std::unique_ptr<compute::Device>> devices;
  devices.push_back(compute::make_cpu_device(wish.cpu));
  for (const compute::GpuInfo& gpu : gpus) devices.push_back(compute::make_gpu_device(gpu.id));
  const bool keeps_cache = std::any_of(sizes.layers.begin(), sizes.layers.end(),
                                       [](const auto& layer) { return layer.cache_per_token > 0; });
  return {.device = compute::make_split_device(std::move(devices), /*cpu=*/0, plan.places),
          .context = keeps_cache ? plan.context : wish.context};
}

void check_devices(const GpuOptions& gpu) {
  if (!gpu.devices.empty()) chosen_gpus(gpu);
}

std::string device_list() {
  std::string text = "Available devices:\n";
  const std::vector<compute::GpuInfo> gpus = compute::list_gpus();
  for (const compute::GpuInfo& gpu : gpus) {
    text += fmt::format("  {}: {} ({} MiB, {} MiB free)\n", gpu.id, gpu.name,
                        gpu.total_bytes / kMiB, gpu.free_bytes / kMiB);
  }
  if (gpus.empty()) text += fmt::format("  (none) {}\n", compute::why_no_gpu());
  return text;
}

}  // namespace llm
