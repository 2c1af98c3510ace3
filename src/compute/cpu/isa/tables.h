// The instruction sets of this build, and the choice among them.
#pragma once

#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {

// Each is defined by the file products.cpp of its folder, which is compiled with its own flags.
extern const Kernels kPortableKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512VnniKernels;
extern const Kernels kNeonKernels;

// Beside kAvx512VnniKernels.
extern const Bf16Kernels kAvx512Bf16;
extern const Bf16Kernels kAmxBf16;

}  // namespace llm::compute::cpu
