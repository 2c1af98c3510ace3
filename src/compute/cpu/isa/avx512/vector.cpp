#include "compute/cpu/isa/avx512/simd.h"
#include "compute/cpu/vector/table.h"

namespace llm::compute::cpu::avx512 {

constinit const VectorKernels kVectorKernels = vector::make_table<Vec>("avx512");

}  // namespace llm::compute::cpu::avx512
