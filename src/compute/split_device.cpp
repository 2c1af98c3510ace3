#include "compute/split_device.h"

#include <algorithm>

#include "base/error.h"

namespace llm::compute {
namespace {

/// Pages of several pools: each holds the layers of its device.
class SplitPool final : public KvPool {
 public:
  struct Part {
    std::unique_ptr<KvPool> pool;  // null: the device has none of the layers
    std::vector<int> index;        // of a layer, in the pool
  };

  SplitPool(const KvLayout& layout, int page_count, std::vector<Part> parts)
      : layout_(layout), page_count_(page_count), parts_(std::move(parts)) {
    for (const Part& part : parts_) {
      if (part.pool == nullptr) continue;
      format_ += format_.empty() ? "" : " | ";
      format_ += part.pool->format();
      for (const int i : part.index) format_ += i < 0 ? '-' : '+';
    }
  }

  const KvLayout& layout() const override { return layout_; }
  int page_count() const override { return page_count_; }
  std::string_view format() const override { return format_; }
  void read_page(PageId page, std::byte* to) const override {
    for (const Part& part : parts_) {
      if (part.pool == nullptr) continue;
      part.pool->read_page(page, to);
      to += part.pool->layout().page_bytes();
    }
  }
  void write_page(PageId page, const std::byte* from) override {
    for (const Part& part : parts_) {
      if (part.pool == nullptr) continue;
      part.pool->write_page(page, from);
      from += part.pool->layout().page_bytes();
    }
  }

  KvPool& pool(std::size_t device) { return *parts_[device].pool; }
  int index(std::size_t device, int layer) const {
    return parts_[device].index[static_cast<std::size_t>(layer)];
  }

 private:
  KvLayout layout_;
  int page_count_;
  std::vector<Part> parts_;
  std::string format_;
};

class SplitDevice final : public Device {
 public:
  SplitDevice(std::vector<std::unique_ptr<Device>> devices, std::size_t cpu,
              const LayerPlaces& places)
      : devices_(std::move(devices)), cpu_(cpu), places_(places) {
    for (const int place : places_.device_of) {
      if (place < 0 || static_cast<std::size_t>(place) >= devices_.size()) {
        fail("a layer is placed on device {} of {}", place, devices_.size());
      }
    }
    if (places_.device_of.empty() || cpu_ >= devices_.size()) fail("no device for the layers");
  }

  std::string description() const override {
    std::string text;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      const auto own =
          std::count(places_.device_of.begin(), places_.device_of.end() - 1, static_cast<int>(i));
      if (own == 0 && place(kOutput) != i && i != cpu_) continue;
      if (!text.empty()) text += " + ";
      text += fmt::format("{}: {} layers{}", devices_[i]->description(), own,
                          place(kOutput) == i ? " and the output" : "");
    }
    return text;
  }

  // Memory.
  Tensor allocate(std::int64_t rows, std::int64_t cols) override {
    return current().allocate(rows, cols);
  }
  void reset() override {
    for (const auto& device : devices_) device->reset();
  }
  void begin_step(std::int64_t tokens) override {
    for (const auto& device : devices_) device->begin_step(tokens);
  }
  Mark mark() const override { return devices_[current_]->mark(); }
  void rewind(Mark mark) override { current().rewind(mark); }

  void prepare(Weight& weight, int layer) override {
    const bool experts = weight.count > 1 && layer != kOutput && has_cpu_experts(layer);
    at(experts ? cpu_ : place(layer)).prepare(weight, layer);
  }
  void keep(std::span<const float> values, int layer) override {
    if (layer != kEverywhere) return at(place(layer)).keep(values, layer);
    for (const auto& device : devices_) device->keep(values, layer);
  }

  Tensor enter_layer(int layer, Tensor x) override {
    const std::size_t next = place(layer);
    layer_ = layer;
    if (next == current_) return x;
    const std::size_t before = std::exchange(current_, next);
    return x.data == nullptr ? x : moved(x, before, next);
  }
  Tensor to_host(Tensor x) override { return current().to_host(x); }
  void from_host(std::span<const float> values, Tensor out) override {
    current().from_host(values, out);
  }

  // The cache.
  std::unique_ptr<KvPool> make_kv_pool(const KvLayout& layout, int page_count) override {
    const std::size_t layers = layout.layers.size();
    // Models that keep nothing between steps use one layer's pages for all.
    const bool shared = layers + 1 != places_.device_of.size();
    std::vector<SplitPool::Part> parts(devices_.size());
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      KvLayout own{.layers = {}, .key_type = layout.key_type, .value_type = layout.value_type};
      parts[d].index.assign(layers, -1);
      for (std::size_t i = 0; i < layers; ++i) {
        if (!shared && cache_place(static_cast<int>(i)) != d) continue;
        parts[d].index[i] = static_cast<int>(own.layers.size());
        own.layers.push_back(layout.layers[i]);
      }
      if (!own.layers.empty()) parts[d].pool = devices_[d]->make_kv_pool(own, page_count);
    }
    return std::make_unique<SplitPool>(layout, page_count, std::move(parts));
  }
  void store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                std::span<const SequenceSlice> sequences) override {
    auto& own = static_cast<SplitPool&>(pool);
    const std::size_t d = cache_place(layer_);
    const Mark start = at(d).mark();
    at(d).store_kv(own.pool(d), own.index(d, layer), moved(k, current_, d), moved(v, current_, d),
                   sequences);
    if (d != current_) at(d).rewind(start);
  }
  void move_kv(KvPool& pool, int layer, const Rope* rope, std::span<const KvMove> moves) override {
    auto& own = static_cast<SplitPool&>(pool);
    const std::size_t d = cache_place(layer);
    at(d).move_kv(own.pool(d), own.index(d, layer), rope, moves);
  }
  void attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                 std::span<const SequenceSlice> sequences, Tensor out) override {
    auto& own = static_cast<SplitPool&>(pool);
    const std::size_t d = cache_place(layer_);
    elsewhere(d, out, [&](Tensor there) {
      at(d).attention(own.pool(d), own.index(d, layer), moved(q, current_, d), shape, sequences,
                      there);
    });
  }

  // Products.
  using Device::embed;
  void embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out,
             std::span<const LowRank> low_rank) override {
    current().embed(table, tokens, scale, out, low_rank);
  }
  void linear(Tensor x, std::span<const Linear> products) override {
    current().linear(x, products);
  }
  void gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) override {
    current().gated_ffn(x, ffn, out);
  }
  void moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) override {
    const std::size_t d = has_cpu_experts(layer_) ? cpu_ : current_;
    elsewhere(d, out, [&](Tensor there) {
      at(d).moe_ffn(moved(x, current_, d), moved(router_logits, current_, d), moe, there);
    });
  }

  // Rows.
  void rms_norm(Tensor x, const float* weight, float eps, Tensor out) override {
    current().rms_norm(x, weight, eps, out);
  }
  void add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) override {
    current().add_rms_norm(x, y, weight, eps, out);
  }
  void layer_norm(Tensor x, const float* weight, const float* bias, float eps,
                  Tensor out) override {
    current().layer_norm(x, weight, bias, eps, out);
  }
  void rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
            const Rope& rope) override {
    current().rope(x, head_dim, positions, rope);
  }
  void activate(Tensor x, Activation activation) override { current().activate(x, activation); }
  void add(Tensor x, Tensor y) override { current().add(x, y); }
  void add_to_rows(Tensor x, std::span<const float> values) override {
    current().add_to_rows(x, values);
  }
  void scale(Tensor x, float factor) override { current().scale(x, factor); }
  void scale_rows(Tensor x, std::span<const float> factors) override {
    current().scale_rows(x, factors);
  }
  void softcap(Tensor x, float c) override { current().softcap(x, c); }
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override {
    current().gather_rows(x, rows, out);
  }

 private:
  Device& at(std::size_t device) { return *devices_[device]; }
  Device& current() { return *devices_[current_]; }

  /// Of a layer, of the output, or (what belongs to no layer) of the first layer.
  std::size_t place(int layer) const {
    const std::vector<int>& of = places_.device_of;
    const auto last = static_cast<int>(of.size()) - 1;
    return static_cast<std::size_t>(of[static_cast<std::size_t>(std::clamp(layer, 0, last))]);
  }
  std::size_t cache_place(int layer) const { return places_.cpu_cache ? cpu_ : place(layer); }
  bool has_cpu_experts(int layer) const { return layer < places_.cpu_experts; }

  /// x of device `from` in the memory of device `to`.
  Tensor moved(Tensor x, std::size_t from, std::size_t to) {
    if (from == to) return x;
    const Tensor host = at(from).to_host(x);
    const Tensor there = at(to).allocate(x.rows, x.cols);
    at(to).from_host({host.data, static_cast<std::size_t>(x.rows * x.cols)}, there);
    return there;
  }
  /// Runs work(result) on device d, and brings the result to `out` of the current one.
  template <class F>
  void elsewhere(std::size_t d, Tensor out, F&& work) {
    if (d == current_) return work(out);
    const Mark start = at(d).mark();
    const Tensor there = at(d).allocate(out.rows, out.cols);
    work(there);
    const Tensor host = at(d).to_host(there);
    current().from_host({host.data, static_cast<std::size_t>(out.rows * out.cols)}, out);
    at(d).rewind(start);
  }

  std::vector<std::unique_ptr<Device>> devices_;
  std::size_t cpu_;
  LayerPlaces places_;
  std::size_t current_ = 0;
  int layer_ = 0;
};

}  // namespace

std::unique_ptr<Device> make_split_device(std::vector<std::unique_ptr<Device>> devices,
                                          std::size_t cpu, const LayerPlaces& places) {
  return std::make_unique<SplitDevice>(std::move(devices), cpu, places);
}

}  // namespace llm::compute
