// Errors of files that nvcc compiles: it cannot compile the formatting of base/error.h.
#pragma once

#include <string>

namespace llm::compute::cuda {

/// Throws llm::Error.
[[noreturn]] void refuse(const std::string& why);

}  // namespace llm::compute::cuda
