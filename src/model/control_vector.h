// Control vectors: directions that are added to the residual stream behind each block, for every
// token (representation engineering, arXiv:2310.01405).
#pragma once

#include <vector>

#include "model/model.h"

namespace llm {

/// One vector of `width` values per block, empty where nothing is added; no entries at all without
/// files. Throws Error that names the file and the tensor at fault.
std::vector<std::vector<float>> load_control_vectors(const ControlVectors& wanted, int layers,
                                                     int width);

}  // namespace llm
