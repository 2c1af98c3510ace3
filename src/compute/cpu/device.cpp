#include "compute/cpu/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace llm::compute::cpu {
namespace {

/// Rows of work below which one thread is faster than several.
constexpr std::int64_t kSerialFloats = 32768;
/// Floats of one piece of parallel row work: a few microseconds.
constexpr std::int64_t kGrainFloats = 16384;
/// Steps of at least this many tokens run on the batch team.
constexpr std::int64_t kBatchTokens = 32;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

CpuDevice::CpuDevice(const CpuSettings& settings)
    : CpuDevice(settings, plan_threads(settings, this_machine())) {}

CpuDevice::CpuDevice(const CpuSettings& settings, Plan plan)
    : threads_(std::max(plan.decode_threads, plan.batch_threads), plan.manners),
      decode_team_(plan.decode_threads),
      batch_team_(plan.batch_threads),
      engine_(threads_, settings.isa),
      kernels_(vector_kernels(engine_.isa())),
      attention_(threads_, kernels_) {
  for (const std::string& notice : plan.notices) log::warn("{}", notice);
}

std::string CpuDevice::description() const {
  return fmt::format("CPU ({}, {} threads)", engine_.isa(), threads_.size());
}

int CpuDevice::team(std::int64_t tokens) const {
  return tokens >= kBatchTokens ? batch_team_ : decode_team_;
}

void CpuDevice::each_row(Tensor x, FunctionRef<void(std::int64_t row)> work) {
  const auto some = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) work(r);
  };
  if (x.rows * x.cols < kSerialFloats) {
    some(0, x.rows, 0);
  } else {
    threads_.for_each(x.rows, std::max<std::int64_t>(1, kGrainFloats / x.cols), some, batch_team_);
  }
}

Tensor CpuDevice::allocate(std::int64_t rows, std::int64_t cols) {
  return {arena_.allocate(index(rows * cols)), rows, cols};
}

void CpuDevice::reset() {
  arena_.reset();
  ropes_.end_step();
}

void CpuDevice::begin_step(std::int64_t tokens) {
  threads_.use(tokens >= kBatchTokens ? 1 : 0);
}

std::unique_ptr<KvPool> CpuDevice::make_kv_pool(const KvLayout& layout, int page_count) {
  return std::make_unique<PagedCache>(layout, page_count);
}

void CpuDevice::embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out,
                      std::span<const LowRank> low_rank) {
  each_row(out, [&](std::int64_t t) {
    const std::span<float> row = out.row(t);
    quant::traits(table.type).dequantize(table.row(tokens[index(t)]), row.data(), table.cols);
  });
  if (!low_rank.empty()) add_low_rank(tokens, low_rank, out);
  if (scale != 1) this->scale(out, scale);
}

void CpuDevice::rms_norm(Tensor x, const float* weight, float eps, Tensor out) {
  each_row(x, [&](std::int64_t t) {
    kernels_.rms_norm(x.row(t).data(), weight, eps, out.row(t).data(), x.cols);
  });
}

void CpuDevice::add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) {
  each_row(x, [&](std::int64_t t) {
    kernels_.add_rms_norm(x.row(t).data(), y.row(t).data(), weight, eps, out.row(t).data(), x.cols);
  });
}

void CpuDevice::layer_norm(Tensor x, const float* weight, const float* bias, float eps,
                           Tensor out) {
  each_row(x, [&](std::int64_t t) {
    kernels_.layer_norm(x.row(t).data(), weight, bias, eps, out.row(t).data(), x.cols);
  });
}

void CpuDevice::linear(Tensor x, std::span<const Linear> products) {
  if (x.rows == 0) return;
  multiply(x, products);
  const auto joined = [](const Linear& p) { return !p.low_rank.empty(); };
  if (std::any_of(products.begin(), products.end(), joined)) add_low_rank(x, products);
}

void CpuDevice::multiply(Tensor x, std::span<const Linear> products) {
  const auto scaled = [](const Linear& p) { return p.weight->scale != nullptr; };
  if (std::none_of(products.begin(), products.end(), scaled)) {
    engine_.linear(x, products, team(x.rows));
    return;
  }
  // The factor comes between the product and the bias.
  std::vector<Linear> plain(products.begin(), products.end());
  for (Linear& p : plain) {
    if (scaled(p)) p.bias = nullptr;
  }
  engine_.linear(x, plain, team(x.rows));
  for (const Linear& p : products) {
    if (!scaled(p)) continue;
    each_row(p.out, [&](std::int64_t t) {
      float* row = p.out.row(t).data();
      kernels_.scale(row, *p.weight->scale, p.out.cols);
      if (p.bias != nullptr) kernels_.add(row, p.bias, p.out.cols);
    });
  }
}

void CpuDevice::rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
                     const Rope& rope) {
  const float* tables = ropes_.find_or_make(rope, positions, threads_, batch_team_);
  const int width = RopeTables::table_width(rope);
  auto* turn =
      rope.pairing == Rope::Pairing::adjacent ? kernels_.rope_adjacent : kernels_.rope_halves;
  each_row(x, [&](std::int64_t t) {
    float* row = x.row(t).data();
    for (std::int64_t h = 0; h < x.cols; h += head_dim) {
      turn(row + h, tables + t * width, rope.rotated);
    }
  });
}

void CpuDevice::store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                         std::span<const SequenceSlice> sequences) {
  static_cast<PagedCache&>(pool).store(kernels_, threads_, team(k.rows), layer, k, v, sequences);
}

void CpuDevice::move_kv(KvPool& pool, int layer, const Rope* rope, std::span<const KvMove> moves) {
  std::vector<PagedCache::Turn> turns;
  for (const KvMove& move : moves) {
    if (rope == nullptr) break;
    Rope turn = *rope;
    turn.magnitude = 1;  // the keys have it already
    const std::int32_t by[] = {move.to - move.from};
    turns.push_back(
        {turn.pairing == Rope::Pairing::adjacent ? kernels_.rope_adjacent : kernels_.rope_halves,
         ropes_.find_or_make(turn, by, threads_, 1), turn.rotated});
  }
  static_cast<PagedCache&>(pool).move(kernels_, threads_, batch_team_, layer, moves, turns);
}

void CpuDevice::attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                          std::span<const SequenceSlice> sequences, Tensor out) {
  attention_.run(static_cast<const PagedCache&>(pool), layer, q, shape, sequences, out,
                 team(q.rows));
}

void CpuDevice::gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) {
  if (x.rows == 0) return;
  const Mark before = mark();
  const Tensor up = allocate(x.rows, ffn.up->rows);
  Tensor gate;
  if (ffn.gate != nullptr) {
    gate = allocate(x.rows, ffn.gate->rows);
    const Linear both[] = {{ffn.gate, ffn.gate_bias, gate, ffn.gate_low_rank},
                           {ffn.up, ffn.up_bias, up, ffn.up_low_rank}};
    linear(x, both);
  } else {
    const Linear one{ffn.up, ffn.up_bias, up, ffn.up_low_rank};
    linear(x, {&one, 1});
  }
  each_row(up, [&](std::int64_t t) {
    kernels_.activate(ffn.activation, gate.data != nullptr ? gate.row(t).data() : nullptr,
                      up.row(t).data(), up.cols);
  });
  const Linear down{ffn.down, ffn.down_bias, out, ffn.down_low_rank};
  linear(up, {&down, 1});
  rewind(before);
}

void CpuDevice::activate(Tensor x, Activation activation) {
  each_row(
      x, [&](std::int64_t t) { kernels_.activate(activation, nullptr, x.row(t).data(), x.cols); });
}

void CpuDevice::add(Tensor x, Tensor y) {
  each_row(x, [&](std::int64_t t) { kernels_.add(x.row(t).data(), y.row(t).data(), x.cols); });
}

void CpuDevice::add_to_rows(Tensor x, std::span<const float> values) {
  each_row(x, [&](std::int64_t t) { kernels_.add(x.row(t).data(), values.data(), x.cols); });
}

void CpuDevice::scale(Tensor x, float factor) {
  each_row(x, [&](std::int64_t t) { kernels_.scale(x.row(t).data(), factor, x.cols); });
}

void CpuDevice::scale_rows(Tensor x, std::span<const float> factors) {
  each_row(x, [&](std::int64_t t) { kernels_.scale(x.row(t).data(), factors[index(t)], x.cols); });
}

void CpuDevice::softcap(Tensor x, float c) {
  each_row(x, [&](std::int64_t t) { kernels_.softcap(x.row(t).data(), c, x.cols); });
}

void CpuDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  each_row(out, [&](std::int64_t i) {
    std::memcpy(out.row(i).data(), x.row(rows[index(i)]).data(), index(x.cols) * sizeof(float));
  });
}

}  // namespace llm::compute::cpu

namespace llm::compute {

void check(const CpuSettings& settings) {
  cpu::plan_threads(settings, cpu::this_machine());
}

std::unique_ptr<Device> make_cpu_device(const CpuSettings& settings) {
  return std::make_unique<cpu::CpuDevice>(settings);
}

}  // namespace llm::compute
