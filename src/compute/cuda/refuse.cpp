#include "compute/cuda/refuse.h"

#include "base/error.h"

namespace llm::compute::cuda {

void refuse(const std::string& why) {
  throw Error(why);
}

}  // namespace llm::compute::cuda
