#include "compute/cpu/kernels.h"
#include "quant/tables.h"

namespace llm::compute::cpu {
namespace {

// Little-endian machines only, like the files.
const std::uint32_t* words(const std::uint64_t* rows) {
  return reinterpret_cast<const std::uint32_t*>(rows);
}

}  // namespace

const Codebooks kCodebooks = {.iq2_xxs = words(quant::kIq2XxsGrid.data()),
                              .iq2_xs = words(quant::kIq2XsGrid.data()),
                              .iq2_s = words(quant::kIq2SGrid.data()),
                              .iq3_xxs = quant::kIq3XxsGrid.data(),
                              .iq3_s = quant::kIq3SGrid.data(),
                              .iq1 = words(quant::kIq1Grid.data()),
                              .iq4 = quant::kIq4Levels.data(),
                              .fp4 = quant::kFp4Levels.data()};

}  // namespace llm::compute::cpu
