// Types that store every value on its own.
#include <cstring>

#include "quant/dequantize.h"
#include "quant/half.h"
#include "quant/quantize.h"

namespace llm::quant {
namespace {

template <class Stored, class Convert>
void each_value(const std::byte* from, float* to, std::int64_t count, Convert convert) {
  for (std::int64_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * static_cast<std::int64_t>(sizeof(Stored)), sizeof(Stored));
    to[i] = convert(stored);
  }
}

template <class Convert>
void store_16_bits(const float* from, std::byte* to, std::int64_t count, Convert convert) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t stored = convert(from[i]);
    std::memcpy(to + i * 2, &stored, 2);
  }
}

}  // namespace

namespace dequantize {

void f32(const std::byte* from, float* to, std::int64_t count) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

void f16(const std::byte* from, float* to, std::int64_t count) {
  each_value<std::uint16_t>(from, to, count, half_to_float);
}

void bf16(const std::byte* from, float* to, std::int64_t count) {
  each_value<std::uint16_t>(from, to, count, bfloat_to_float);
}

void f64(const std::byte* from, float* to, std::int64_t count) {
  each_value<double>(from, to, count, [](double value) { return static_cast<float>(value); });
}

}  // namespace dequantize

namespace quantize {

void f32(const float* from, std::byte* to, std::int64_t count, const float*) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

void f16(const float* from, std::byte* to, std::int64_t count, const float*) {
  store_16_bits(from, to, count, float_to_half);
}

void bf16(const float* from, std::byte* to, std::int64_t count, const float*) {
  store_16_bits(from, to, count, float_to_bfloat);
}

void f64(const float* from, std::byte* to, std::int64_t count, const float*) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double stored = from[i];
    std::memcpy(to + i * 8, &stored, 8);
  }
}

}  // namespace quantize
}  // namespace llm::quant
