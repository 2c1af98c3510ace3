#include "compute/cpu/linear.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace llm::compute::cpu {

struct Kernels {};

class LinearScratch {
 public:
  std::vector<std::vector<float>> rows;  // one expanded weight row per worker
};

namespace {

float dot(const float* a, const float* b, std::int64_t n) {
  float sum[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) sum[j] += a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sum[i % 8] += a[i] * b[i];
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

}  // namespace

LinearEngine::LinearEngine(ThreadPool& pool, std::string_view isa)
    : pool_(pool), scratch_(std::make_unique<LinearScratch>()), kernels_(nullptr) {
  if (!isa.empty() && isa != "portable") fail("unknown instruction set '{}'", isa);
  scratch_->rows.resize(pool.size());
}
LinearEngine::~LinearEngine() = default;

std::string_view LinearEngine::isa() const {
  return "portable";
}
void LinearEngine::prepare(Weight&) {}

void LinearEngine::linear(Tensor x, std::span<const Linear> products, int team) {
  for (const Linear& product : products) {
    const Weight& w = *product.weight;
    pool_.for_each(
        w.rows, 16,
        [&](std::int64_t begin, std::int64_t end, int worker) {
          std::vector<float>& row = scratch_->rows[worker];
          row.resize(std::max<std::size_t>(row.size(), w.cols));
          for (std::int64_t r = begin; r < end; ++r) {
            quant::traits(w.type).dequantize(w.row(r), row.data(), w.cols);
            for (std::int64_t t = 0; t < x.rows; ++t) {
              product.out.row(t)[r] =
                  dot(row.data(), x.row(t).data(), w.cols) + (product.bias ? product.bias[r] : 0);
            }
          }
        },
        team);
  }
}

void LinearEngine::linear_experts(Tensor x, std::span<const std::int32_t> rows,
                                  std::span<const std::int32_t> offsets,
                                  std::span<const Experts> products, int team) {
  for (const Experts& product : products) {
    const Weight& w = *product.weight;
    pool_.for_each(
        w.count * w.rows, 16,
        [&](std::int64_t begin, std::int64_t end, int worker) {
          std::vector<float>& row = scratch_->rows[worker];
          row.resize(std::max<std::size_t>(row.size(), w.cols));
          for (std::int64_t r = begin; r < end; ++r) {
            const std::int64_t expert = r / w.rows;
            if (offsets[expert] == offsets[expert + 1]) continue;
            quant::traits(w.type).dequantize(w.row(r), row.data(), w.cols);
            for (std::int32_t i = offsets[expert]; i < offsets[expert + 1]; ++i) {
              product.out.row(i)[r % w.rows] = dot(row.data(), x.row(rows[i]).data(), w.cols);
            }
          }
        },
        team);
  }
}

}  // namespace llm::compute::cpu
