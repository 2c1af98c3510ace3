#include "quant/random_blocks.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "quant/blocks.h"
#include "quant/half.h"

namespace llm::quant {
namespace {

constexpr std::int64_t kPoolValues = 1 << 19;
constexpr std::int64_t kPlainUnit = 256;  // values copied at once of types without blocks

/// Writes the scale of one block of a type without a quantiser.
void set_scale(Type type, std::byte* block, std::uint16_t half) {
  if (type == Type::iq1_m) {  // four nibbles, on top of the group scales
    auto& b = *reinterpret_cast<BlockIQ1_M*>(block);
    for (int i = 0; i < 4; ++i)
      b.scales[i] = static_cast<std::uint16_t>((b.scales[i] & 0x0fff) | (half >> 4 * i & 15) << 12);
    return;
  }
  std::memcpy(block, &half, sizeof(half));  // the other grid types begin with it
}

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
  assert(t.dequantize);
  const std::int64_t unit_values = t.block_length == 1 ? kPlainUnit : t.block_length;
  unit_bytes_ = static_cast<std::size_t>(row_bytes(type, unit_values));
  pool_.resize(static_cast<std::size_t>(row_bytes(type, kPoolValues)));
  Random random(seed);
  if (t.quantize) {
    quantize_normal(random);
  } else {
    scale_random_codes(random);
  }
}

void RandomBlocks::quantize_normal(Random& random) {
  std::vector<float> values(kPoolValues);
  for (float& v : values) v = deviation_ * random.normal();
  traits(type_).quantize(values.data(), pool_.data(), kPoolValues, nullptr);
}

void RandomBlocks::scale_random_codes(Random& random) {
  const Traits& t = traits(type_);
  for (std::byte& b : pool_) b = static_cast<std::byte>(random.next() >> 56);
  const auto set_scales = [&](float scale) {
    const std::uint16_t half = float_to_half(scale);
    for (std::size_t at = 0; at < pool_.size(); at += static_cast<std::size_t>(t.block_bytes))
      set_scale(type_, &pool_[at], half);
  };
  set_scales(1);
  std::vector<float> values(kPoolValues);
  t.dequantize(pool_.data(), values.data(), kPoolValues);
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * v;
  set_scales(deviation_ / static_cast<float>(std::sqrt(sum / kPoolValues)));
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
