#include "compute/cpu/isa/portable/simd.h"
#include "compute/cpu/vector/table.h"

namespace llm::compute::cpu::portable {

constinit const VectorKernels kVectorKernels = vector::make_table<Vec>("portable");

}  // namespace llm::compute::cpu::portable
