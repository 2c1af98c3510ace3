#include "model/placement.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "base/error.h"
#include "model/cache_size.h"
#include "model/tensor_layer.h"

namespace llm {
namespace {

constexpr int kContextStep = 256;  // as the engine rounds
constexpr double kMiB = 1 << 20;

std::uint64_t cache_bytes(double per_token, int context) {
  return static_cast<std::uint64_t>(per_token * context);
}

/// What the units of one device need, for any context.
struct Need {
  std::uint64_t weights = 0, step = 0;
  double cache_per_token = 0;

  std::uint64_t at(int context) const {
    return weights + step + cache_bytes(cache_per_token, context);
  }
};

class Planner {
 public:
  Planner(const ModelSizes& sizes, const std::vector<GpuRoom>& rooms, const PlacementWish& wish)
      : sizes_(sizes), rooms_(rooms), wish_(wish) {}

  int all_units() const { return static_cast<int>(sizes_.layers.size()) + 1; }

  /// Devices of the units when the last n are on GPUs: boundaries where the bytes so far reach a
  /// GPU's share of all.
  std::vector<int> devices(int n) const {
    const int all = all_units(), first = all - n;
    std::vector<int> of(static_cast<std::size_t>(all), 0);
    double total = 0;
    for (int u = first; u < all; ++u) total += weight_of(u);
    const std::vector<double> limits = share_limits();
    double before = 0;
    std::size_t gpu = 0;
    for (int u = first; u < all; ++u) {
      const double middle = before + weight_of(u) / 2;
      while (gpu + 1 < rooms_.size() && middle >= limits[gpu] * total) ++gpu;
      of[static_cast<std::size_t>(u)] = static_cast<int>(gpu) + 1;
      before += weight_of(u);
    }
    return of;
  }

  /// By device, the CPU first.
  std::vector<Need> needs(const std::vector<int>& of) const {
    std::vector<Need> needs(rooms_.size() + 1);
    for (int u = 0; u < all_units(); ++u) {
      const auto d = static_cast<std::size_t>(of[static_cast<std::size_t>(u)]);
      Need& need = needs[d];
      need.step = sizes_.step;
      if (u + 1 == all_units()) {
        need.weights += sizes_.output;
        continue;
      }
      const ModelSizes::Layer& layer = sizes_.layers[static_cast<std::size_t>(u)];
      need.weights += layer.weights;
      needs[u < wish_.cpu_experts ? 0 : d].weights += layer.experts;
      needs[wish_.cpu_cache ? 0 : d].cache_per_token += layer.cache_per_token;
    }
    return needs;
  }

  bool fits(int n, int context) const { return worst(n, context) <= 0; }

  /// Bytes that the fullest GPU lacks; 0 and less: none does.
  double worst(int n, int context) const {
    const std::vector<Need> needs = this->needs(devices(n));
    double most = -1;
    for (std::size_t g = 0; g < rooms_.size(); ++g) {
      const Need& need = needs[g + 1];
      if (need.weights == 0 && need.cache_per_token == 0) continue;
      const double room =
          static_cast<double>(rooms_[g].free_bytes) - static_cast<double>(rooms_[g].margin_bytes);
      most = std::max(most, static_cast<double>(need.at(context)) - room);
    }
    return most;
  }

  /// The largest context, in steps and at most `most`, with which n units fit; 0: none.
  int largest_context(int n, int most) const {
    int low = 0, high = (most + kContextStep - 1) / kContextStep;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (fits(n, middle * kContextStep)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return std::min(low * kContextStep, most);
  }

  int most_units(int context) const {
    int n = all_units();
    while (n > 0 && !fits(n, context)) --n;
    return n;
  }

 private:
  double weight_of(int unit) const {
    if (unit + 1 == all_units()) return static_cast<double>(sizes_.output);
    const ModelSizes::Layer& layer = sizes_.layers[static_cast<std::size_t>(unit)];
    const bool experts_elsewhere = unit < wish_.cpu_experts;
    return static_cast<double>(layer.weights + (experts_elsewhere ? 0 : layer.experts));
  }

  /// Of each GPU: the sum of the shares up to its own, of 1.
  std::vector<double> share_limits() const {
    std::vector<double> shares = wish_.shares;
    shares.resize(rooms_.size(), 0);
    if (wish_.shares.empty()) {
      for (std::size_t g = 0; g < rooms_.size(); ++g) {
        shares[g] = std::max(0.0, static_cast<double>(rooms_[g].free_bytes) -
                                      static_cast<double>(rooms_[g].margin_bytes));
      }
    }
    const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
    double so_far = 0;
    for (double& share : shares) {
      so_far += share;
      share = all > 0 ? so_far / all : 1;
    }
    return shares;
  }

  const ModelSizes& sizes_;
  const std::vector<GpuRoom>& rooms_;
  const PlacementWish& wish_;
};

/// What would make n units fit, the cheapest first.
std::string remedies(const ModelSizes& sizes, const std::vector<GpuRoom>& rooms,
                     const PlacementWish& wish, int n, int context) {
  const Planner planner(sizes, rooms, wish);
  std::vector<std::string> list;
  if (const int smaller = planner.largest_context(n, context - 1); smaller >= kContextStep) {
    list.push_back(fmt::format("-c {}", smaller / kContextStep * kContextStep));
  }
  PlacementWish other = wish;
  other.cpu_experts = static_cast<int>(sizes.layers.size());
  if (sizes.has_experts() && Planner(sizes, rooms, other).fits(n, context)) {
    list.push_back("--cpu-moe");
  }
  if (const int fewer = planner.most_units(context); fewer > 0) {
    list.push_back(fmt::format("-ngl {}", fewer));
  }
  list.push_back("-ngl auto");
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == list.size() ? " or " : ", ") + list[i];
  }
  return text;
}

Placement::Load load_of(const Need& need, const std::string& device, const std::vector<int>& of,
                        int index, int context) {
  Placement::Load load{.device = device,
                       .weights = need.weights,
                       .cache = cache_bytes(need.cache_per_token, context),
                       .step = need.step};
  const auto layers = static_cast<int>(of.size()) - 1;
  for (int i = 0; i < layers; ++i) {
    if (of[static_cast<std::size_t>(i)] != index) continue;
    if (load.layers++ == 0) load.first_layer = i;
  }
  load.has_output = of.back() == index;
  return load;
}

}  // namespace

bool ModelSizes::has_experts() const {
  return std::any_of(layers.begin(), layers.end(), [](const Layer& l) { return l.experts > 0; });
}

ModelSizes measure(const gguf::File& file, quant::Type key_type, quant::Type value_type,
                   int step_tokens) {
  const gguf::Metadata& metadata = file.metadata();
  const CacheBytes cache = cache_bytes_per_token(metadata, key_type, value_type);
  ModelSizes sizes;
  sizes.layers.resize(cache.layers.size());
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    sizes.layers[i].cache_per_token = cache.layers[i];
  }
  const auto family = metadata.get_or<std::string>("general.architecture", "");
  sizes.context_train =
      static_cast<int>(metadata.get_or<std::int64_t>(family + ".context_length", 0));
  const bool has_output = file.find_tensor("output.weight") != nullptr;
  std::int64_t widest = 0;  // outputs of one product of a layer
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const auto bytes = tensor.byte_size();
    const auto layer = layer_of(tensor.name);
    if (!layer || static_cast<std::size_t>(*layer) >= sizes.layers.size()) {
      if (tensor.name != "token_embd.weight" || !has_output) sizes.output += bytes;
      continue;
    }
    const bool is_stack = tensor.shape.size() == 3;
    auto& own = sizes.layers[static_cast<std::size_t>(*layer)];
    (is_stack ? own.experts : own.weights) += bytes;
    if (tensor.shape.size() >= 2) widest = std::max(widest, tensor.shape[tensor.shape.size() - 2]);
  }
  const auto width = metadata.get_or<std::int64_t>(family + ".embedding_length", 0);
  const auto used =
      std::max<std::int64_t>(1, metadata.get_or<std::int64_t>(family + ".expert_used_count", 1));
  // The residual stream, what norms and attention hand on, and gate, up and their product; of a
  // mixture once per expert that a token uses.
  constexpr std::int64_t kStreams = 8, kInner = 3;
  sizes.step =
      static_cast<std::uint64_t>(step_tokens * (kStreams * width + kInner * used * widest)) *
      sizeof(float);
  return sizes;
}

std::vector<std::string> Placement::table() const {
  std::vector<std::string> lines;
  for (const Load& load : loads) {
    std::string what = load.layers == 0 ? ""
                                        : fmt::format("layers {}-{}", load.first_layer,
                                                      load.first_layer + load.layers - 1);
    if (load.has_output) what += what.empty() ? "output" : ", output";
    if (what.empty() && load.weights + load.cache > 0) what = "parts of layers";
    if (what.empty()) continue;
    lines.push_back(
        fmt::format("{}: {}: weights {:.0f} MiB, cache {:.0f} MiB, working memory {:.0f} "
                    "MiB",
                    load.device, what, static_cast<double>(load.weights) / kMiB,
                    static_cast<double>(load.cache) / kMiB, static_cast<double>(load.step) / kMiB));
  }
  return lines;
}

Placement place(const ModelSizes& sizes, const std::vector<GpuRoom>& rooms,
                const PlacementWish& wish) {
  const Planner planner(sizes, rooms, wish);
  const int all = planner.all_units();
  const int wished =
      wish.gpu_units == PlacementWish::kAutomatic ? all : std::min(wish.gpu_units, all);
  const int train = std::max(sizes.context_train, kContextStep);
  int context = wish.context;
  if (context == 0) {
    context = wish.check ? planner.largest_context(wished, train) : train;
    context = std::max(context, std::min(train, wish.smallest_context));
  }
  int units = wished;
  if (wish.check && !planner.fits(units, context)) {
    if (wish.gpu_units != PlacementWish::kAutomatic) {
      fail(
          "{} layers (-ngl) with a context of {} tokens need {:.0f} MiB more GPU memory than is "
          "free; try {}",
          wished, context, std::ceil(planner.worst(units, context) / kMiB),
          remedies(sizes, rooms, wish, units, context));
    }
    units = planner.most_units(context);
  }
  Placement plan{.places = {.device_of = planner.devices(units),
                            .cpu_experts = wish.cpu_experts,
                            .cpu_cache = wish.cpu_cache},
                 .context = context,
                 .gpu_units = units,
                 .loads = {}};
  const std::vector<Need> needs = planner.needs(plan.places.device_of);
  for (std::size_t d = 0; d < needs.size(); ++d) {
    plan.loads.push_back(load_of(needs[d], d == 0 ? "CPU" : rooms[d - 1].id, plan.places.device_of,
                                 static_cast<int>(d), context));
  }
  return plan;
}

}  // namespace llm
