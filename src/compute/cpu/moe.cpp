// Mixtures of experts: tokens are grouped by expert, so that each expert's matrices are read once,
// and a token's experts are summed in the order of its choice.
#include <algorithm>

#include "compute/cpu/device.h"
#include "compute/cpu/moe.h"
#include "compute/moe_routing.h"

namespace llm::compute::cpu {

namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

CpuDevice::Routing CpuDevice::route(Tensor router_logits, const MoeFfn& moe) {
  const std::size_t used = index(moe.shape.used), experts = index(moe.shape.experts);
  const std::size_t pairs = index(router_logits.rows) * used;
  Routing r;
  r.tokens.resize(pairs);
  r.pair_of.resize(pairs);
  r.weights.resize(pairs);
  std::vector<std::int32_t> chosen(pairs);
  each_row(router_logits, [&](std::int64_t t) {
    std::vector<float> scratch(2 * experts);
    choose_experts(moe.shape, router_logits.row(t), moe.selection_bias,
                   {chosen.data() + index(t) * used, used},
                   {r.weights.data() + index(t) * used, used}, scratch);
  });
  r.offsets.assign(experts + 1, 0);
  for (const std::int32_t e : chosen) ++r.offsets[index(e) + 1];
  for (std::size_t e = 0; e < experts; ++e) r.offsets[e + 1] += r.offsets[e];
  std::vector<std::int32_t> next(r.offsets.begin(), r.offsets.end() - 1);
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::int32_t pair = next[index(chosen[i])]++;
    r.pair_of[i] = pair;
    r.tokens[index(pair)] = static_cast<std::int32_t>(i / used);
  }
  return r;
}

void CpuDevice::moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) {
  if (x.rows == 0) return;
  const Mark before = mark();
  const Routing r = route(router_logits, moe);
  const auto pairs = static_cast<std::int64_t>(r.tokens.size());
  const Tensor up = allocate(pairs, moe.up->rows), down = allocate(pairs, moe.down->rows);
  Tensor gate;
  std::vector<ExpertProduct> products{{moe.up, moe.up_bias, moe.up_low_rank, up}};
  if (moe.gate != nullptr) {
    gate = allocate(pairs, moe.gate->rows);
    products.push_back({moe.gate, moe.gate_bias, moe.gate_low_rank, gate});
  }
  multiply_experts(x, r.tokens, r, products);
  each_row(up, [&](std::int64_t i) {
    kernels_.activate(moe.shape.activation, gate.data != nullptr ? gate.row(i).data() : nullptr,
                      up.row(i).data(), up.cols);
  });
  std::vector<std::int32_t> all(index(pairs));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int32_t>(i);
  const ExpertProduct last{moe.down, moe.down_bias, moe.down_low_rank, down};
  multiply_experts(up, all, r, {&last, 1});
  const auto used = index(moe.shape.used);
  each_row(out, [&](std::int64_t t) {
    std::ranges::fill(out.row(t), 0.0f);
    for (std::size_t i = index(t) * used; i < (index(t) + 1) * used; ++i) {
      kernels_.add_scaled(out.row(t).data(), down.row(r.pair_of[i]).data(), r.weights[i], out.cols);
    }
  });
  rewind(before);
}

void CpuDevice::multiply_experts(Tensor x, std::span<const std::int32_t> rows,
                                 const Routing& routing, std::span<const ExpertProduct> products) {
  std::vector<LinearEngine::Experts> plain;
  for (const ExpertProduct& product : products) plain.push_back({product.weight, product.out});
  const std::span<const std::int32_t> offsets = routing.offsets;
  engine_.linear_experts(x, rows, offsets, plain, team(x.rows));
  for (const ExpertProduct& product : products) {
    const Weight& weight = *product.weight;
    if (weight.scale == nullptr && product.bias == nullptr) continue;
    for (std::int64_t e = 0; e < weight.count; ++e) {
      for (std::int32_t i = offsets[index(e)]; i < offsets[index(e) + 1]; ++i) {
        float* row = product.out.row(i).data();
        if (weight.scale != nullptr) kernels_.scale(row, weight.scale[e], weight.rows);
        if (product.bias != nullptr) kernels_.add(row, product.bias + e * weight.rows, weight.rows);
      }
    }
  }
  add_low_rank(x, rows, routing, products);
}

}  // namespace llm::compute::cpu
