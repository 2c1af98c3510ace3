// Which instruction set to use: what this binary has, what this machine can, what was asked for.
#pragma once

#include <string_view>
#include <vector>

#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {

/// `wanted`: "portable", "avx2", "avx512", "avx512_vnni" or "neon"; empty: what the environment
/// variable LLAMA_CPU_ISA says and, without that, the best. Throws Error when the name is unknown
/// or this binary or machine lacks it.
const Kernels& select_kernels(std::string_view wanted);

/// All that this binary has and this machine can run, best first.
std::vector<const Kernels*> usable_kernels();

}  // namespace llm::compute::cpu
