// The CPU as a Device: matrix products by LinearEngine, attention by AttentionEngine, the rest by
// the vector kernels of the same instruction set.
#pragma once

#include <string>
#include <vector>

#include "compute/cpu/arena.h"
#include "compute/cpu/attention.h"
#include "compute/cpu/linear.h"
#include "compute/cpu/placement.h"
#include "compute/cpu/rope_tables.h"
#include "compute/cpu/vector_kernels.h"
#include "compute/device.h"
#include "compute/thread_pool.h"

namespace llm::compute::cpu {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const CpuSettings& settings);

  std::string description() const override;
  Tensor allocate(std::int64_t rows, std::int64_t cols) override;
  void reset() override;
  void begin_step(std::int64_t tokens) override;
  Mark mark() const override { return arena_.mark(); }
  void rewind(Mark mark) override { arena_.rewind(mark); }
  void prepare(Weight& weight, int) override { engine_.prepare(weight); }
  std::unique_ptr<KvPool> make_kv_pool(const KvLayout& layout, int page_count) override;

  void embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out,
             std::span<const LowRank> low_rank) override;
  void rms_norm(Tensor x, const float* weight, float eps, Tensor out) override;
  void add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) override;
  void layer_norm(Tensor x, const float* weight, const float* bias, float eps, Tensor out) override;
  void linear(Tensor x, std::span<const Linear> products) override;
  void rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
            const Rope& rope) override;
  void store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                std::span<const SequenceSlice> sequences) override;
  void move_kv(KvPool& pool, int layer, const Rope* rope, std::span<const KvMove> moves) override;
  void attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                 std::span<const SequenceSlice> sequences, Tensor out) override;
  void gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) override;
  void moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) override;
  void activate(Tensor x, Activation activation) override;
  void add(Tensor x, Tensor y) override;
  void add_to_rows(Tensor x, std::span<const float> values) override;
  void scale(Tensor x, float factor) override;
  void scale_rows(Tensor x, std::span<const float> factors) override;
  void softcap(Tensor x, float c) override;
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override;

 private:
  CpuDevice(const CpuSettings& settings, Plan plan);
  /// Threads for a step of that many tokens.
  int team(std::int64_t tokens) const;
  /// Calls work(row) for each row, on several threads when the rows are worth it.
  void each_row(Tensor x, FunctionRef<void(std::int64_t row)> work);
  /// linear() without what joins it.
  void multiply(Tensor x, std::span<const Linear> products);
  /// The (token, expert) pairs of a mixture, grouped by expert.
  struct Routing;
  Routing route(Tensor router_logits, const MoeFfn& moe);
  struct ExpertProduct {
    const Weight* weight;
    const float* bias;  // [experts, rows] or null
    std::span<const LowRank> low_rank;
    Tensor out;  // [pairs, rows]
  };
  /// Row i of the outs belongs to pair i and is made from x.row(rows[i]).
  void multiply_experts(Tensor x, std::span<const std::int32_t> rows, const Routing& routing,
                        std::span<const ExpertProduct> products);

  // low_rank.cpp
  /// One product of low rank for some tokens.
  struct LowRankJob {
    const LowRank* part;
    std::int64_t matrix = 0;      // of the stacks
    std::vector<const float*> x;  // inputs of a; empty: `inner` is there already
    std::vector<float*> out;
    std::vector<float> scales;
    Tensor inner = {};  // [tokens, rank]
  };
  void add_low_rank(Tensor x, std::span<const Linear> products);
  void add_low_rank(std::span<const TokenId> tokens, std::span<const LowRank> parts, Tensor out);
  void add_low_rank(Tensor x, std::span<const std::int32_t> rows, const Routing& routing,
                    std::span<const ExpertProduct> products);
  /// All of them together; what they add to the same place, in their order.
  void run_low_rank(std::span<LowRankJob> jobs, int team);

  ThreadPool threads_;
  int decode_team_, batch_team_;
  LinearEngine engine_;
  const VectorKernels& kernels_;
  AttentionEngine attention_;
  RopeTables ropes_;
  Arena arena_;
};

}  // namespace llm::compute::cpu
