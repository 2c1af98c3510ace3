#include "compute/cpu/isa/avx2/simd.h"
#include "compute/cpu/vector/table.h"

namespace llm::compute::cpu::avx2 {

constinit const VectorKernels kVectorKernels = vector::make_table<Vec>("avx2");

}  // namespace llm::compute::cpu::avx2
