#pragma once

#include <cstdint>

namespace llm {
/// Index into a model's vocabulary; kNoToken where a model has no such token.
using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;
}  // namespace llm
