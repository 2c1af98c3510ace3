// One NVIDIA GPU as a Device. Operations are put into one queue and run behind the caller; the host
// waits only in to_host(), for pages that are saved, and when a step's inputs need room.
//
// Host pointers name what lies on the GPU: prepare() and keep() copy weights and constants there,
// and operations look up the copy of the pointer that they are given (Residents). So model code
// hands the same pointers to any device, also pointers into the middle of what was kept.
//
// Determinism: as device.h promises. Every output is summed by one thread, warp or block in an
// order that depends on the shape alone; splits of long sums have fixed sizes; nothing is added
// with atomics.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/cuda/arena.h"
#include "compute/cuda/host_copies.h"
#include "compute/cuda/kernels/linear.h"
#include "compute/cuda/residents.h"
#include "compute/cuda/runtime.h"
#include "compute/cuda/step_inputs.h"
#include "compute/device.h"

namespace llm::compute::cuda {

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int gpu);

  // device.cpp: memory and copies.
  std::string description() const override;
  Tensor allocate(std::int64_t rows, std::int64_t cols) override;
  void reset() override;
  Mark mark() const override { return arena_.mark(); }
  void rewind(Mark mark) override { arena_.rewind(mark); }
  void prepare(Weight& weight, int layer) override;
  void keep(std::span<const float> values, int layer) override;
  Tensor to_host(Tensor x) override;
  void from_host(std::span<const float> values, Tensor out) override;

  // device_linear.cpp: products.
  void embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out,
             std::span<const LowRank> low_rank) override;
  void linear(Tensor x, std::span<const Linear> products) override;
  void gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) override;
  void moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) override;

  // device_rows.cpp: norms, rotations and what works value by value.
  void rms_norm(Tensor x, const float* weight, float eps, Tensor out) override;
  void add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) override;
  void layer_norm(Tensor x, const float* weight, const float* bias, float eps, Tensor out) override;
  void rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
            const Rope& rope) override;
  void activate(Tensor x, Activation activation) override;
  void add(Tensor x, Tensor y) override;
  void add_to_rows(Tensor x, std::span<const float> values) override;
  void scale(Tensor x, float factor) override;
  void scale_rows(Tensor x, std::span<const float> factors) override;
  void softcap(Tensor x, float c) override;
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override;

  // device_attention.cpp: the paged cache and attention over it.
  std::unique_ptr<KvPool> make_kv_pool(const KvLayout& layout, int page_count) override;
  void store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                std::span<const SequenceSlice> sequences) override;
  void move_kv(KvPool& pool, int layer, const Rope* rope, std::span<const KvMove> moves) override;
  void attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                 std::span<const SequenceSlice> sequences, Tensor out) override;

 private:
  /// Angles of a step's positions, on the GPU.
  struct RopeTable {
    Rope rope;
    std::vector<std::int32_t> positions;
    const float *cos, *sin;  // [positions, rotated / 2]
  };
  RopeTable rope_table(std::span<const std::int32_t> positions, const Rope& rope);

  /// The rows that a product computes: of one matrix, or grouped by the matrices of a stack.
  struct Slots {
    std::int64_t count;  // of all matrices
    std::int64_t most;   // that one matrix may have
    int matrices = 1;
    const std::int32_t* offsets = nullptr;   // [matrices + 1]
    const std::int32_t* token_of = nullptr;  // of a slot; null: the slot's own number
  };
  Product product_of(const Weight& weight, const float* bias, const float* x, int tokens,
                     float* out) const;
  void run_product(Product product, std::span<const LowRank> low_rank, const Slots& slots);
  /// x of slot i is row source[i]; null: row i.
  void run_ffn(const float* x, const std::int32_t* source, const GatedFfn& ffn, const Slots& slots,
               float* out);

  // Shared by pools and weights, which may outlive what they were made by.
  std::shared_ptr<Queue> queue_;
  Residents residents_;     // weights and constants on the GPU, by host address
  Arena arena_;             // tensors of a step
  StepInputs step_inputs_;  // small host arrays that a step's operations read
  HostCopies host_copies_;  // what to_host() gave out in this step
  std::vector<RopeTable> rope_tables_;
  Grids grids_;
  std::string description_;
};

}  // namespace llm::compute::cuda
