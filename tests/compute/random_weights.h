// Weights of any type with random codes and sane scales: every bit pattern of the codes occurs,
// which weights that come out of a quantiser do not offer.
#pragma once

#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "compute/tensor.h"
#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/type.h"

namespace llm::compute {

class RandomWeights {
 public:
  RandomWeights(quant::Type type, std::int64_t rows, std::int64_t cols, std::int64_t count = 1,
                unsigned seed = 1)
      : random_(seed) {
    weight_ = {.type = type, .rows = rows, .cols = cols, .count = count};
    const std::int64_t bytes = count * rows * weight_.row_bytes();
    memory_.resize(bytes);
    for (std::byte& byte : memory_) byte = static_cast<std::byte>(random_());
    const std::int64_t step = quant::traits(type).block_bytes;
    for (std::int64_t at = 0; at < bytes; at += step) tame(memory_.data() + at);
    weight_.data = memory_.data();
  }
  RandomWeights(const RandomWeights&) = delete;

  const Weight& get() const { return weight_; }

  /// Row r of matrix m, expanded.
  std::vector<float> row(std::int64_t r, std::int64_t m = 0) const {
    std::vector<float> values(weight_.cols);
    quant::traits(weight_.type)
        .dequantize(weight_.row(m * weight_.rows + r), values.data(), weight_.cols);
    return values;
  }

 private:
  float scale() { return std::uniform_real_distribution<float>(-1, 1)(random_); }
  std::uint16_t half() { return quant::float_to_half(scale()); }
  template <class T>
  static void put(std::byte* block, std::size_t offset, T value) {
    std::memcpy(block + offset, &value, sizeof(value));
  }

  /// Replaces the scales of one block.
  void tame(std::byte* block) {
    using enum quant::Type;
    using namespace quant;  // NOLINT: the block types
    switch (weight_.type) {
      case f32:
        return put(block, 0, scale());
      case f16:
        return put(block, 0, half());
      case bf16:
        return put(block, 0, float_to_bfloat(scale()));
      case q4_0:
      case q5_0:
      case q8_0:
      case iq4_nl:
      case q1_0:
      case q2_0:
      case iq4_xs:
      case iq2_xxs:
      case iq2_xs:
      case iq2_s:
      case iq3_xxs:
      case iq3_s:
      case iq1_s:
        return put(block, 0, half());
      case q4_1:
      case q5_1:
      case q4_k:
      case q5_k:
        put(block, 0, half());
        return put(block, 2, half());
      case mxfp4:
        return put(block, 0, static_cast<std::uint8_t>(120 + random_() % 12));
      case nvfp4:
        return;  // every code is a finite number
      case q2_k:
        put(block, offsetof(BlockQ2_K, d), half());
        return put(block, offsetof(BlockQ2_K, dmin), half());
      case q3_k:
        return put(block, offsetof(BlockQ3_K, d), half());
      case q6_k:
        return put(block, offsetof(BlockQ6_K, d), half());
      case tq1_0:
        return tame_ternary(block);
      case tq2_0:
        return put(block, offsetof(BlockTQ2_0, d), half());
      case iq1_m:
        return tame_iq1_m(block);
      default:
        FAIL() << "no random weights of this type";
    }
  }

  /// Bytes that stand for five digits; 243 of the 256 values occur in files.
  void tame_ternary(std::byte* block) {
    for (std::size_t i = 0; i < offsetof(quant::BlockTQ1_0, d); ++i) {
      put(block, i, static_cast<std::uint8_t>((random_() % 243 * 256 + 242) / 243));
    }
    put(block, offsetof(quant::BlockTQ1_0, d), half());
  }

  /// The scale's four nibbles are the top ones of four words.
  void tame_iq1_m(std::byte* block) {
    const std::uint16_t d = half();
    for (int i = 0; i < 4; ++i) {
      const std::size_t at = offsetof(quant::BlockIQ1_M, scales) + 2 * i;
      std::uint16_t word;
      std::memcpy(&word, block + at, sizeof(word));
      const int nibble = d >> 4 * i & 15;
      put(block, at, static_cast<std::uint16_t>((word & 0x0fff) | nibble << 12));
    }
  }

  std::mt19937 random_;
  std::vector<std::byte> memory_;
  Weight weight_;
};

/// Every type that weights may have.
inline std::vector<quant::Type> weight_types() {
  using enum quant::Type;
  return {f32,     f16,   bf16,  q4_0,   q4_1,   q5_0,  q5_1,  q8_0,    q2_k,   q3_k,
          q4_k,    q5_k,  q6_k,  iq4_nl, iq4_xs, mxfp4, nvfp4, iq2_xxs, iq2_xs, iq2_s,
          iq3_xxs, iq3_s, iq1_s, iq1_m,  tq1_0,  tq2_0, q1_0,  q2_0};
}

}  // namespace llm::compute
