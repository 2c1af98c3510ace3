#include "compute/cpu/vector_kernels.h"

#include "base/error.h"

namespace llm::compute::cpu {

const VectorKernels& vector_kernels(std::string_view isa) {
#if defined(__x86_64__)
  if (isa.starts_with("avx512")) return avx512::kVectorKernels;
  if (isa.starts_with("avx2")) return avx2::kVectorKernels;
#endif
  if (isa == "portable") return portable::kVectorKernels;
  fail("no vector kernels for the instruction set '{}'", isa);
}

}  // namespace llm::compute::cpu
