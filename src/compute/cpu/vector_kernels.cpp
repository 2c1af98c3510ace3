#include "compute/cpu/vector_kernels.h"

#include "base/error.h"

namespace llm::compute::cpu {

const VectorKernels& vector_kernels(std::string_view isa) {
#if defined(LLAMA_ISA_AVX512)
  if (isa.starts_with("avx512") || isa == "amx") return avx512::kVectorKernels;
#endif
#if defined(LLAMA_ISA_AVX2)
  if (isa == "avx2") return avx2::kVectorKernels;
#endif
#if defined(LLAMA_ISA_NEON)
  if (isa == "neon") return neon::kVectorKernels;
#endif
  if (isa == "portable") return portable::kVectorKernels;
  fail("no vector kernels for the instruction set '{}'", isa);
}

}  // namespace llm::compute::cpu
