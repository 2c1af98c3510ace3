#include "quant/random_blocks.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace llm::quant {
namespace {

constexpr std::int64_t kPoolValues = 1 << 18;
constexpr std::int64_t kPlainUnit = 256;  // values copied at once of types without blocks

}  // namespace

std::uint64_t Random::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

std::uint32_t Random::below(std::uint32_t limit) {
  return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
}

float Random::normal() {
  // Box and Muller; the other value of the pair is not worth keeping.
  const double u = static_cast<double>((next() >> 11) + 1) * 0x1p-53;
  const double v = static_cast<double>(next() >> 11) * 0x1p-53;
  return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v));
}

RandomBlocks::RandomBlocks(Type type, float deviation, std::uint64_t seed)
    : type_(type), deviation_(deviation) {
  const Traits& t = traits(type);
  assert(t.quantize);
  const std::int64_t unit_values = t.block_length == 1 ? kPlainUnit : t.block_length;
  unit_bytes_ = static_cast<std::size_t>(row_bytes(type, unit_values));
  pool_.resize(static_cast<std::size_t>(row_bytes(type, kPoolValues)));
  Random random(seed);
  std::vector<float> values(kPoolValues);
  for (float& v : values) v = deviation_ * random.normal();
  t.quantize(values.data(), pool_.data(), kPoolValues, nullptr);
}

void RandomBlocks::fill(std::span<std::byte> out, Random& random) const {
  const auto units = static_cast<std::uint32_t>(pool_.size() / unit_bytes_);
  while (!out.empty()) {
    const std::size_t bytes = std::min(unit_bytes_, out.size());
    std::memcpy(out.data(), &pool_[random.below(units) * unit_bytes_], bytes);
    out = out.subspan(bytes);
  }
}

}  // namespace llm::quant
