// Products of low rank for some tokens of a batch (LoRA). All adapters of a step share two passes,
// one over their `a` matrices and one over their `b` matrices, so each is read once; a token's own
// sums never depend on the others.
#include <algorithm>
#include <cassert>
#include <map>

#include "compute/cpu/device.h"
#include "compute/cpu/moe.h"

namespace llm::compute::cpu {
namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

void CpuDevice::add_low_rank(Tensor x, std::span<const Linear> products) {
  std::vector<LowRankJob> jobs;
  for (const Linear& product : products) {
    for (const LowRank& part : product.low_rank) {
      LowRankJob job{.part = &part};
      for (std::int64_t t = 0; t < x.rows; ++t) {
        const float scale = part.scales[index(t)];
        if (scale == 0) continue;
        job.x.push_back(x.row(t).data());
        job.out.push_back(product.out.row(t).data());
        job.scales.push_back(scale * part.factor);
      }
      if (!job.x.empty()) jobs.push_back(std::move(job));
    }
  }
  run_low_rank(jobs, team(x.rows));
}

void CpuDevice::add_low_rank(std::span<const TokenId> tokens, std::span<const LowRank> parts,
                             Tensor out) {
  const Mark before = mark();
  std::vector<LowRankJob> jobs;
  for (const LowRank& part : parts) {
    LowRankJob job{.part = &part};
    std::vector<TokenId> own;
    for (std::int64_t t = 0; t < out.rows; ++t) {
      const float scale = part.scales[index(t)];
      if (scale == 0) continue;
      own.push_back(tokens[index(t)]);
      job.out.push_back(out.row(t).data());
      job.scales.push_back(scale * part.factor);
    }
    if (own.empty()) continue;
    job.inner = allocate(std::ssize(own), part.a.cols);
    each_row(job.inner, [&](std::int64_t i) {
      quant::traits(part.a.type)
          .dequantize(part.a.row(own[index(i)]), job.inner.row(i).data(), part.a.cols);
    });
    jobs.push_back(std::move(job));
  }
  run_low_rank(jobs, team(out.rows));
  rewind(before);
}

void CpuDevice::add_low_rank(Tensor x, std::span<const std::int32_t> rows, const Routing& routing,
                             std::span<const ExpertProduct> products) {
  std::vector<LowRankJob> jobs;
  for (const ExpertProduct& product : products) {
    for (const LowRank& part : product.low_rank) {
      for (std::int64_t e = 0; e < product.weight->count; ++e) {
        LowRankJob job{.part = &part, .matrix = e};
        for (std::int32_t i = routing.offsets[index(e)]; i < routing.offsets[index(e) + 1]; ++i) {
          const float scale = part.scales[index(routing.tokens[index(i)])];
          if (scale == 0) continue;
          job.x.push_back(x.row(rows[index(i)]).data());
          job.out.push_back(product.out.row(i).data());
          job.scales.push_back(scale * part.factor);
        }
        if (!job.x.empty()) jobs.push_back(std::move(job));
      }
    }
  }
  run_low_rank(jobs, team(x.rows));
}

void CpuDevice::run_low_rank(std::span<LowRankJob> jobs, int team) {
  if (jobs.empty()) return;
  const Mark before = mark();
  std::vector<LinearEngine::Group> down;
  for (LowRankJob& job : jobs) {
    if (job.inner.data != nullptr) continue;
    job.inner = allocate(std::ssize(job.x), job.part->a.rows);
    down.push_back({job.x, &job.part->a, job.matrix, job.inner});
  }
  if (!down.empty()) engine_.linear_groups(down.front().weight->cols, down, team);

  std::vector<Tensor> deltas;
  std::vector<std::vector<const float*>> inputs;  // rows of `inner`
  for (const LowRankJob& job : jobs) {
    deltas.push_back(allocate(job.inner.rows, job.part->b.rows));
    inputs.emplace_back();
    for (std::int64_t i = 0; i < job.inner.rows; ++i) {
      inputs.back().push_back(job.inner.row(i).data());
    }
  }
  std::map<std::int64_t, std::vector<LinearEngine::Group>> up;  // by rank
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const Weight& b = jobs[j].part->b;
    up[b.cols].push_back({inputs[j], &b, jobs[j].matrix, deltas[j]});
  }
  for (const auto& [rank, groups] : up) engine_.linear_groups(rank, groups, team);

  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const LowRankJob& job = jobs[j];
    each_row(deltas[j], [&](std::int64_t i) {
      kernels_.add_scaled(job.out[index(i)], deltas[j].row(i).data(), job.scales[index(i)],
                          deltas[j].cols);
    });
  }
  rewind(before);
}

}  // namespace llm::compute::cpu
