// The angles of rotary embeddings, incl. YaRN (arXiv:2309.00071), shared by all devices.
#pragma once

#include <span>
#include <vector>

#include "compute/device.h"

namespace llm::compute {

/// Radians per position of each of the rotated / 2 pairs.
std::vector<double> rope_frequencies(const Rope& rope);

/// cos and sin of one position, times the magnitude; each [rotated / 2].
void rope_angles(const Rope& rope, std::span<const double> frequencies, int position,
                 std::span<float> cos, std::span<float> sin);

}  // namespace llm::compute
