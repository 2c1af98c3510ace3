// Which experts a token goes to, and its way there and back. The rules are those of
// compute/moe_routing.h. All pointers are of the GPU.
#pragma once

#include <cstdint>

#include "compute/cuda/runtime.h"
#include "compute/device.h"

namespace llm::compute::cuda {

/// experts, weights [tokens, used], best first.
void choose_experts(const Queue& queue, const MoeShape& shape, const float* logits,
                    const float* selection_bias, int tokens, std::int32_t* experts, float* weights);

/// The choices by expert: slot i in [offsets[e], offsets[e + 1]) belongs to expert e and token
/// token_of[i], tokens ascending; slot_of [tokens, used] is the way back.
void group_by_expert(const Queue& queue, const std::int32_t* experts, int tokens, int used,
                     int expert_count, std::int32_t* offsets, std::int32_t* token_of,
                     std::int32_t* slot_of);

/// out[t] = the sum over u of weights[t, u] * from[slot_of[t, u]], in that order.
void combine_experts(const Queue& queue, const float* from, const std::int32_t* slot_of,
                     const float* weights, int tokens, int used, std::int64_t width, float* out);

}  // namespace llm::compute::cuda
