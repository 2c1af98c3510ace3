#include "compute/cuda/kernels/experts.h"

#include <limits>

#include "compute/cuda/launch.h"

namespace llm::compute::cuda {
namespace {

constexpr int kThreads = 256;
constexpr float kNever = -std::numeric_limits<float>::infinity();

struct Routing {
  int experts, used, groups, groups_used;
  MoeShape::Gating gating;
  bool normalize;
  float scale;  // 0 and 1: none
};

/// The largest of the lanes' values and its index; of equal ones the smaller index.
__device__ void warp_best(float& value, int& index) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(0xffffffffu, value, step);
    const int at = __shfl_xor_sync(0xffffffffu, index, step);
    if (other > value || (other == value && at < index)) {
      value = other;
      index = at;
    }
  }
}

/// The best of scores[first .. first + count) for all lanes.
__device__ float best_of(const float* scores, int first, int count, int& index) {
  float value = kNever;
  index = first + count;  // behind all: loses every tie
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = first + lane; i < first + count; i += kWarp) {
    if (scores[i] > value || index == first + count) {
      value = scores[i];
      index = i;
    }
  }
  warp_best(value, index);
  return value;
}

/// In place; sums in the order of the values, as the host does it.
__device__ void softmax(float* x, int count) {
  int at;
  const float top = best_of(x, 0, count, at);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kWarp) x[i] = expf(x[i] - top);
  __syncwarp();
  float sum = 0;
  for (int i = 0; i < count; ++i) sum += x[i];
  __syncwarp();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kWarp) x[i] /= sum;
  __syncwarp();
}

/// Experts outside the best groups lose their score.
__device__ void keep_best_groups(const Routing& r, float* score, float* group_score) {
  const int size = r.experts / r.groups, lane = static_cast<int>(threadIdx.x);
  for (int g = lane; g < r.groups; g += kWarp) {
    float best = kNever, second = kNever;
    for (int i = g * size; i < (g + 1) * size; ++i) {
      if (score[i] > best) {
        second = best;
        best = score[i];
      } else {
        second = fmaxf(second, score[i]);
      }
    }
    group_score[g] = size > 1 ? best + second : best;
  }
  __syncwarp();
  for (int e = lane; e < r.experts; e += kWarp) {
    const int own = e / size;
    int better = 0;  // groups before this one in descending order
    for (int g = 0; g < r.groups; ++g) {
      better += group_score[g] > group_score[own] || (group_score[g] == group_score[own] && g < own)
                    ? 1
                    : 0;
    }
    if (better >= r.groups_used) score[e] = kNever;
  }
  __syncwarp();
}

/// A warp per token. Shared memory: probabilities, scores [experts], scores of groups, the chosen
/// weights.
__global__ void choose_experts_kernel(Routing r, const float* logits, const float* selection_bias,
                                      std::int32_t* experts, float* weights) {
  float* probability = shared_memory<float>();
  float* score = probability + r.experts;
  float* group_score = score + r.experts;
  float* chosen = group_score + r.groups;
  const int lane = static_cast<int>(threadIdx.x);
  const std::int64_t token = blockIdx.x;
  for (int e = lane; e < r.experts; e += kWarp) probability[e] = logits[token * r.experts + e];
  __syncwarp();
  if (r.gating == MoeShape::Gating::softmax) softmax(probability, r.experts);
  for (int e = lane; e < r.experts; e += kWarp) {
    if (r.gating == MoeShape::Gating::sigmoid) {
      probability[e] = 1.0f / (1.0f + expf(-probability[e]));
    }
    score[e] = probability[e] + (selection_bias != nullptr ? selection_bias[e] : 0.0f);
  }
  __syncwarp();
  if (r.groups > 1) keep_best_groups(r, score, group_score);
  for (int u = 0; u < r.used; ++u) {
    int best;
    best_of(score, 0, r.experts, best);
    if (lane == 0) {
      experts[token * r.used + u] = best;
      chosen[u] = probability[best];
      score[best] = kNever;
    }
    __syncwarp();
  }
  if (r.gating == MoeShape::Gating::softmax_after_top_k) softmax(chosen, r.used);
  float sum = 0;
  for (int u = 0; u < r.used; ++u) sum += chosen[u];
  // The smallest normal f16: no division by zero.
  const float divisor = r.normalize ? fmaxf(sum, 6.103515625e-5f) : 1.0f;
  for (int u = lane; u < r.used; u += kWarp) {
    float weight = r.normalize ? chosen[u] / divisor : chosen[u];
    if (r.scale != 0 && r.scale != 1) weight *= r.scale;
    weights[token * r.used + u] = weight;
  }
}

/// One block: a thread per expert counts its tokens, then writes them.
__global__ void group_kernel(const std::int32_t* experts, int choices, int used, int expert_count,
                             std::int32_t* offsets, std::int32_t* token_of, std::int32_t* slot_of) {
  for (int e = static_cast<int>(threadIdx.x); e < expert_count; e += kThreads) {
    int count = 0;
    for (int i = 0; i < choices; ++i) count += experts[i] == e ? 1 : 0;
    offsets[e + 1] = count;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    offsets[0] = 0;
    for (int e = 0; e < expert_count; ++e) offsets[e + 1] += offsets[e];
  }
  __syncthreads();
  for (int e = static_cast<int>(threadIdx.x); e < expert_count; e += kThreads) {
    int slot = offsets[e];
    for (int i = 0; i < choices; ++i) {
      if (experts[i] != e) continue;
      token_of[slot] = i / used;
      slot_of[i] = slot++;
    }
  }
}

__global__ void combine_kernel(const float* from, const std::int32_t* slot_of, const float* weights,
                               int used, std::int64_t width, float* out) {
  const std::int64_t token = blockIdx.x;
  for (std::int64_t c = threadIdx.x; c < width; c += kThreads) {
    float sum = 0;
    for (int u = 0; u < used; ++u) {
      const std::int64_t slot = slot_of[token * used + u];
      sum = fmaf(weights[token * used + u], from[slot * width + c], sum);
    }
    out[token * width + c] = sum;
  }
}

}  // namespace

void choose_experts(const Queue& queue, const MoeShape& shape, const float* logits,
                    const float* selection_bias, int tokens, std::int32_t* experts,
                    float* weights) {
  const Routing routing{.experts = shape.experts,
                        .used = shape.used,
                        .groups = shape.groups,
                        .groups_used = shape.groups_used,
                        .gating = shape.gating,
                        .normalize = shape.normalize_weights,
                        .scale = shape.weights_scale};
  const auto floats = static_cast<std::size_t>(2 * shape.experts + shape.groups + shape.used);
  launch(queue, choose_experts_kernel, static_cast<unsigned>(tokens), kWarp, floats * sizeof(float),
         routing, logits, selection_bias, experts, weights);
}

void group_by_expert(const Queue& queue, const std::int32_t* experts, int tokens, int used,
                     int expert_count, std::int32_t* offsets, std::int32_t* token_of,
                     std::int32_t* slot_of) {
  launch(queue, group_kernel, 1, kThreads, 0, experts, tokens * used, used, expert_count, offsets,
         token_of, slot_of);
}

void combine_experts(const Queue& queue, const float* from, const std::int32_t* slot_of,
                     const float* weights, int tokens, int used, std::int64_t width, float* out) {
  launch(queue, combine_kernel, static_cast<unsigned>(tokens), kThreads, 0, from, slot_of, weights,
         used, width, out);
}

}  // namespace llm::compute::cuda
