// Which experts a token goes to, and with what weight; shared by all devices so that a near tie
// falls the same way everywhere.
#pragma once

#include <cstdint>
#include <span>

#include "compute/device.h"

namespace llm::compute {

/// logits [experts] of one token -> its `used` experts, best first, and their weights.
/// selection_bias [experts] or null joins the choice, not the weights. scratch [2 * experts].
void choose_experts(const MoeShape& shape, std::span<const float> logits,
                    const float* selection_bias, std::span<std::int32_t> experts,
                    std::span<float> weights, std::span<float> scratch);

}  // namespace llm::compute
