// Products of quantised weights with f32 activations on the CPU: direct dot products for few
// tokens, unpack-once panels and one micro-kernel per instruction set for many. Both paths add in
// the same order, so a token's result has the same bits in either.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "compute/device.h"
#include "compute/thread_pool.h"

namespace llm::compute::cpu {

/// Working memory that grows to what the largest product needs and is then reused. One thread.
class LinearScratch;

class LinearEngine {
 public:
  /// isa: as CpuSettings::isa. Throws Error when this machine or this binary lacks it.
  LinearEngine(ThreadPool& pool, std::string_view isa);
  ~LinearEngine();

  std::string_view isa() const;  // the one in use
  void prepare(Weight& weight);
  void linear(Tensor x, std::span<const Linear> products, int team);

  /// Tokens grouped by expert: for row i of `rows` with expert e, out[i] = weight[e] x[rows[i]].
  /// offsets [experts + 1]: rows [offsets[e], offsets[e+1]) belong to expert e.
  struct Experts {
    const Weight* weight;
    Tensor out;  // [rows.size(), weight->rows]
  };
  void linear_experts(Tensor x, std::span<const std::int32_t> rows,
                      std::span<const std::int32_t> offsets, std::span<const Experts> products,
                      int team);

 private:
  ThreadPool& pool_;
  std::unique_ptr<LinearScratch> scratch_;
  const struct Kernels* kernels_;
};

}  // namespace llm::compute::cpu
