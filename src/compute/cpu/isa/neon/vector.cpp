#include "compute/cpu/isa/neon/simd.h"
#include "compute/cpu/vector/table.h"

namespace llm::compute::cpu::neon {

constinit const VectorKernels kVectorKernels = vector::make_table<Vec>("neon");

}  // namespace llm::compute::cpu::neon
