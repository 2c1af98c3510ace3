// Products of weights with f32 activations on the CPU, straight from the mapped file.
//
// Quantised weights: the activations are rounded to 8-bit integers with an f32 scale per 32 values,
// once for all products that share them; the weights are expanded panel by panel and multiplied in
// integers (kernels.h). F32, F16 and BF16 weights: f32 throughout; but BF16 in the products of such
// numbers where the instruction set has them.
//
// Promise: the bits of a result depend on the weight row, the token's activations and the
// instruction set only; not on the other tokens, their number, the threads or the split of rows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "compute/device.h"
#include "compute/thread_pool.h"

namespace llm::compute::cpu {

struct Kernels;
/// Working memory that grows to what the largest product needs and is then reused. One thread.
class LinearScratch;

class LinearEngine {
 public:
  /// isa: as CpuSettings::isa. Throws Error when this machine or this binary lacks it.
  LinearEngine(ThreadPool& pool, std::string_view isa);
  ~LinearEngine();

  std::string_view isa() const;          // the one in use, as CpuSettings::isa
  std::string_view description() const;  // for people: "AVX-512 VNNI"

  /// Throws Error for a type that has no product. Weights are used as they lie in the file.
  void prepare(const Weight& weight) const;

  /// All products of one input. Cols of x and of the weights agree. Weight::scale is not applied.
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

  /// Many small products at once, each with inputs of its own: out[i] = weight[matrix] x[i]. All
  /// inputs have `columns` values.
  struct Group {
    std::span<const float* const> x;
    const Weight* weight;
    std::int64_t matrix;  // of the stack
    Tensor out;           // [x.size(), weight->rows]
  };
  void linear_groups(std::int64_t columns, std::span<const Group> groups, int team);

 private:
  ThreadPool& pool_;
  const Kernels& kernels_;
  std::unique_ptr<LinearScratch> scratch_;
};

}  // namespace llm::compute::cpu
