// Synthetic weights of any type: for benchmarks and tests, which need models of a certain size but
// of no certain content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "quant/type.h"

namespace llm::quant {

/// splitmix64: any 64-bit seed gives a good sequence, the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// 0 <= result < limit; `limit` below 2^32.
  std::uint32_t below(std::uint32_t limit);
  /// Mean 0, standard deviation 1.
  float normal();

 private:
  std::uint64_t state_;
};

/// Values with mean 0 and the given standard deviation. A few thousand blocks are made with care
/// and then strewn at random, which is as fast as copying. Values are normally
/// distributed, as far as the type can hold them.
class RandomBlocks {
 public:
  /// REQUIRES a type that can be expanded.
  RandomBlocks(Type type, float deviation, std::uint64_t seed);

  Type type() const { return type_; }
  float deviation() const { return deviation_; }

  /// Fills whole blocks.
  void fill(std::span<std::byte> out, Random& random) const;

 private:
  Type type_;
  float deviation_;
  std::size_t unit_bytes_;  // what is copied at once
  std::vector<std::byte> pool_;
};

}  // namespace llm::quant
