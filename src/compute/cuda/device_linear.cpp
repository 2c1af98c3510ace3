// Products: of weights, of feed-forwards, of experts, and the low-rank parts that join them.
#include <algorithm>
#include <vector>

#include "compute/cuda/device.h"
#include "compute/cuda/kernels/experts.h"
#include "compute/cuda/kernels/rows.h"

namespace llm::compute::cuda {
namespace {

/// Rows of a table as floats, on the host.
std::vector<float> expand(const Weight& table, std::int64_t row) {
  std::vector<float> values(static_cast<std::size_t>(table.cols));
  quant::traits(table.type).dequantize(table.row(row), values.data(), table.cols);
  return values;
}

/// values += scale * factor * b a.row(token).
void add_low_rank_row(const LowRank& part, std::int64_t token, float scale,
                      std::span<float> values) {
  if (scale == 0) return;
  const std::vector<float> inner = expand(part.a, token);
  for (std::int64_t r = 0; r < part.b.rows; ++r) {
    const std::vector<float> row = expand(part.b, r);
    double sum = 0;
    for (std::size_t c = 0; c < row.size(); ++c) sum += static_cast<double>(row[c]) * inner[c];
    values[static_cast<std::size_t>(r)] += scale * part.factor * static_cast<float>(sum);
  }
}

}  // namespace

/// The table stays with the host, which has it mapped: a step needs few of its rows.
void CudaDevice::embed(const Weight& table, std::span<const TokenId> tokens, float scale,
                       Tensor out, std::span<const LowRank> low_rank) {
  std::vector<float> rows;
  rows.reserve(tokens.size() * static_cast<std::size_t>(table.cols));
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    std::vector<float> row = expand(table, tokens[t]);
    for (const LowRank& part : low_rank) add_low_rank_row(part, tokens[t], part.scales[t], row);
    for (const float v : row) rows.push_back(v * scale);
  }
  queue_->upload(out.data, rows.data(), rows.size() * sizeof(float));
}

Product CudaDevice::product_of(const Weight& weight, const float* bias, const float* x, int tokens,
                               float* out) const {
  return {.type = weight.type,
          .weight = residents_.find(weight.data),
          .rows = weight.rows,
          .cols = weight.cols,
          .row_bytes = weight.row_bytes(),
          .scale = residents_.floats(weight.scale),
          .bias = residents_.floats(bias),
          .x = x,
          .out = out,
          .tokens = tokens,
          .grids = grids_};
}

/// One product with what joins it; `slots` rows of out, of the stack's matrices where `experts` has
/// them.
void CudaDevice::run_product(Product product, std::span<const LowRank> low_rank,
                             const Slots& slots) {
  product.matrices = slots.matrices;
  product.offsets = slots.offsets;
  const auto tokens = static_cast<int>(slots.most);
  product.tokens = tokens;
  multiply(*queue_, product);
  for (const LowRank& part : low_rank) {
    const Mark start = arena_.mark();
    auto* inner = arena_.array<float>(slots.count * part.a.rows);
    auto* delta = arena_.array<float>(slots.count * part.b.rows);
    Product first = product_of(part.a, nullptr, product.x, tokens, inner);
    first.source = product.source;
    first.matrices = slots.matrices;
    first.offsets = slots.offsets;
    multiply(*queue_, first);
    Product second = product_of(part.b, nullptr, inner, tokens, delta);
    second.matrices = slots.matrices;
    second.offsets = slots.offsets;
    multiply(*queue_, second);
    add_scaled_rows(*queue_, product.out, delta, step_inputs_.put(part.scales), slots.token_of,
                    part.factor, slots.count, part.b.rows);
    arena_.rewind(start);
  }
}

void CudaDevice::linear(Tensor x, std::span<const Linear> products) {
  if (x.rows == 0) return;
  const Slots slots{.count = x.rows, .most = x.rows};
  for (const Linear& p : products) {
    run_product(product_of(*p.weight, p.bias, x.data, static_cast<int>(x.rows), p.out.data),
                p.low_rank, slots);
  }
}

void CudaDevice::run_ffn(const float* x, const std::int32_t* source, const GatedFfn& ffn,
                         const Slots& slots, float* out) {
  const Mark start = arena_.mark();
  const auto most = static_cast<int>(slots.most);
  const std::int64_t inner = ffn.up->rows, count = slots.count * inner;
  auto* up = arena_.array<float>(count);
  float* gate = nullptr;
  if (ffn.gate != nullptr) {
    gate = arena_.array<float>(count);
    Product product = product_of(*ffn.gate, ffn.gate_bias, x, most, gate);
    product.source = source;
    run_product(product, ffn.gate_low_rank, slots);
  }
  Product product = product_of(*ffn.up, ffn.up_bias, x, most, up);
  product.source = source;
  run_product(product, ffn.up_low_rank, slots);
  cuda::activate(*queue_, ffn.activation, gate, up, count);
  run_product(product_of(*ffn.down, ffn.down_bias, up, most, out), ffn.down_low_rank, slots);
  arena_.rewind(start);
}

void CudaDevice::gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) {
  if (x.rows == 0) return;
  run_ffn(x.data, /*source=*/nullptr, ffn, {.count = x.rows, .most = x.rows}, out.data);
}

void CudaDevice::moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) {
  if (x.rows == 0) return;
  const Mark start = arena_.mark();
  const MoeShape& shape = moe.shape;
  const auto tokens = static_cast<int>(x.rows);
  const std::int64_t choices = x.rows * shape.used;
  auto* experts = arena_.array<std::int32_t>(choices);
  auto* weights = arena_.array<float>(choices);
  auto* offsets = arena_.array<std::int32_t>(shape.experts + 1);
  auto* token_of = arena_.array<std::int32_t>(choices);
  auto* slot_of = arena_.array<std::int32_t>(choices);
  choose_experts(*queue_, shape, router_logits.data, residents_.floats(moe.selection_bias), tokens,
                 experts, weights);
  group_by_expert(*queue_, experts, tokens, shape.used, shape.experts, offsets, token_of, slot_of);
  auto* results = arena_.array<float>(choices * moe.down->rows);
  run_ffn(x.data, token_of,
          {.gate = moe.gate,
           .up = moe.up,
           .down = moe.down,
           .gate_bias = moe.gate_bias,
           .up_bias = moe.up_bias,
           .down_bias = moe.down_bias,
           .activation = shape.activation,
           .gate_low_rank = moe.gate_low_rank,
           .up_low_rank = moe.up_low_rank,
           .down_low_rank = moe.down_low_rank},
          {.count = choices,
           .most = x.rows,  // a token comes to an expert once
           .matrices = shape.experts,
           .offsets = offsets,
           .token_of = token_of},
          results);
  combine_experts(*queue_, results, slot_of, weights, tokens, shape.used, moe.down->rows, out.data);
  arena_.rewind(start);
}

}  // namespace llm::compute::cuda
