// The plain twin of every device operation: scalar loops, sums in double precision, weights and
// caches expanded value by value. Slow, and the truth that fast devices are compared with.
#pragma once

#include <memory>

#include "compute/device.h"

namespace llm::compute {

std::unique_ptr<Device> make_reference_device();

/// act(gate) * up, the plain form.
float gate_value(Activation activation, float gate, float up);

}  // namespace llm::compute
