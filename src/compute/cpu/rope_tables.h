// Cosines and sines of a step's positions. All layers share them: a table is made at the first use
// of its parameters in a step and kept until the step ends.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "compute/device.h"
#include "compute/thread_pool.h"

namespace llm::compute::cpu {

class RopeTables {
 public:
  /// [positions][table_width(rope)] floats; laid out as the kernels want them.
  const float* find_or_make(const Rope& rope, std::span<const std::int32_t> positions,
                            ThreadPool& threads, int team);
  void end_step() { used_ = 0; }

  static int table_width(const Rope& rope) {
    return rope.pairing == Rope::Pairing::adjacent ? 2 * rope.rotated : rope.rotated;
  }

 private:
  struct Table {
    Rope rope;
    std::vector<std::int32_t> positions;
    std::vector<float> values;
  };
  std::list<Table> tables_;  // the first used_ belong to this step
  std::size_t used_ = 0;
};

}  // namespace llm::compute::cpu
