// Rows of the key/value cache in kernels: one head of one token, a whole number of quant blocks of
// 32 values, or plain values. The rounding is that of src/quant.
#pragma once

#include <cstdint>

#include "compute/cuda/kernels/cache.h"
#include "compute/cuda/launch.h"
#include "compute/cuda/numbers.h"
#include "quant/type.h"

namespace llm::compute::cuda {

__device__ inline std::uint8_t* cache_row(const CacheView& cache, std::int64_t page, int head,
                                          int slot) {
  return cache.first + page * cache.page_stride + head * cache.head_stride +
         slot * cache.row_stride;
}

/// Value i of a row.
__device__ inline float cache_value(quant::Type type, const std::uint8_t* row, int i) {
  using enum quant::Type;
  const auto half_at = [](const std::uint8_t* p) {
    return half_to_float(*reinterpret_cast<const std::uint16_t*>(p));
  };
  // Nibbles: byte j holds value j (low) and j + 16 (high).
  const int within = i % 32, shift = within / 16 * 4, byte = within % 16;
  switch (type) {
    case f32:
      return reinterpret_cast<const float*>(row)[i];
    case f16:
      return half_to_float(reinterpret_cast<const std::uint16_t*>(row)[i]);
    case bf16:
      return bfloat_to_float(reinterpret_cast<const std::uint16_t*>(row)[i]);
    case q8_0: {
      const std::uint8_t* block = row + i / 32 * 34;
      return half_at(block) * static_cast<float>(static_cast<std::int8_t>(block[2 + within]));
    }
    case q4_0: {
      const std::uint8_t* block = row + i / 32 * 18;
      return half_at(block) * static_cast<float>((block[2 + byte] >> shift & 15) - 8);
    }
    case q4_1: {
      const std::uint8_t* block = row + i / 32 * 20;
      return half_at(block) * static_cast<float>(block[4 + byte] >> shift & 15) +
             half_at(block + 2);
    }
    case q5_0: {
      const std::uint8_t* block = row + i / 32 * 22;
      const int high = block[2 + within / 8] >> within % 8 & 1;
      return half_at(block) *
             static_cast<float>(((block[6 + byte] >> shift & 15) | high << 4) - 16);
    }
    case q5_1: {
      const std::uint8_t* block = row + i / 32 * 24;
      const int high = block[4 + within / 8] >> within % 8 & 1;
      return half_at(block) * static_cast<float>((block[8 + byte] >> shift & 15) | high << 4) +
             half_at(block + 2);
    }
    default:
      return 0;
  }
}

/// Truncates; NaN and everything outside ends at a limit.
__device__ inline int truncated(float x, int lowest, int highest) {
  if (!(x >= static_cast<float>(lowest))) return lowest;
  if (x >= static_cast<float>(highest)) return highest;
  return static_cast<int>(x);
}

__device__ inline void put_half(std::uint8_t* p, float value) {
  *reinterpret_cast<std::uint16_t*>(p) = float_to_half(value);
}

/// Levels of five bits or fewer: nibbles, and the fifth bits where there is room for them.
__device__ inline void put_levels(const std::uint8_t* levels, std::uint8_t* fifth,
                                  std::uint8_t* nibbles) {
  for (int j = 0; j < 16; ++j) {
    nibbles[j] = static_cast<std::uint8_t>((levels[j] & 15) | (levels[j + 16] & 15) << 4);
  }
  if (fifth == nullptr) return;
  for (int j = 0; j < 4; ++j) {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(levels[8 * j + i] >> 4) << i;
    fifth[j] = static_cast<std::uint8_t>(bits);
  }
}

/// Q4_0, Q5_0: x ~ d * (level - limit).
__device__ inline void put_symmetric(const float* x, int limit, std::uint8_t* d,
                                     std::uint8_t* fifth, std::uint8_t* nibbles) {
  float extreme = 0;
  for (int i = 0; i < 32; ++i) {
    if (fabsf(x[i]) > fabsf(extreme)) extreme = x[i];
  }
  const float scale = extreme / -static_cast<float>(limit);
  const float factor = scale != 0 ? 1.0f / scale : 0.0f;
  std::uint8_t levels[32];
  for (int i = 0; i < 32; ++i) {
    const float level = x[i] * factor + (static_cast<float>(limit) + 0.5f);
    levels[i] = static_cast<std::uint8_t>(truncated(level, 0, 2 * limit - 1));
  }
  put_half(d, scale);
  put_levels(levels, fifth, nibbles);
}

/// Q4_1, Q5_1: x ~ d * level + m; m lies behind d.
__device__ inline void put_affine(const float* x, int limit, std::uint8_t* d, std::uint8_t* fifth,
                                  std::uint8_t* nibbles) {
  float low = x[0], high = x[0];
  for (int i = 1; i < 32; ++i) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
  }
  const float scale = (high - low) / static_cast<float>(limit);
  const float factor = scale != 0 ? 1.0f / scale : 0.0f;
  std::uint8_t levels[32];
  for (int i = 0; i < 32; ++i) {
    levels[i] = static_cast<std::uint8_t>(truncated((x[i] - low) * factor + 0.5f, 0, limit));
  }
  put_half(d, scale);
  put_half(d + 2, low);
  put_levels(levels, fifth, nibbles);
}

__device__ inline void put_eight_bits(const float* x, std::uint8_t* block) {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = fmaxf(largest, fabsf(x[i]));
  const float scale = largest / 127.0f;
  const float factor = scale != 0 ? 1.0f / scale : 0.0f;
  put_half(block, scale);
  for (int i = 0; i < 32; ++i) {
    block[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(roundf(x[i] * factor)));
  }
}

/// Writes values of a row from 32 * block on: 32, of plain types also fewer.
__device__ inline void put_cache_block(quant::Type type, const float* x, std::uint8_t* row,
                                       int block, int count) {
  using enum quant::Type;
  switch (type) {
    case f32:
      for (int i = 0; i < count; ++i) reinterpret_cast<float*>(row)[32 * block + i] = x[i];
      break;
    case f16:
      for (int i = 0; i < count; ++i) {
        reinterpret_cast<std::uint16_t*>(row)[32 * block + i] = float_to_half(x[i]);
      }
      break;
    case bf16:
      for (int i = 0; i < count; ++i) {
        reinterpret_cast<std::uint16_t*>(row)[32 * block + i] = float_to_bfloat(x[i]);
      }
      break;
    case q8_0:
      put_eight_bits(x, row + block * 34);
      break;
    case q4_0:
      row += block * 18;
      put_symmetric(x, 8, row, nullptr, row + 2);
      break;
    case q4_1:
      row += block * 20;
      put_affine(x, 15, row, nullptr, row + 4);
      break;
    case q5_0:
      row += block * 22;
      put_symmetric(x, 16, row, row + 2, row + 6);
      break;
    case q5_1:
      row += block * 24;
      put_affine(x, 31, row, row + 4, row + 8);
      break;
    default:
      break;
  }
}

}  // namespace llm::compute::cuda
