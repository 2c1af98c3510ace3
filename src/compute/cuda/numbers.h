// 16-bit and smaller floats in kernels. The bits are those of quant/half.h.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include "quant/half.h"
#endif

namespace llm::compute::cuda {

#if defined(__CUDACC__)

__device__ inline float half_to_float(std::uint16_t bits) {
  return __half2float(__ushort_as_half(bits));
}
__device__ inline std::uint16_t float_to_half(float value) {
  return __half_as_ushort(__float2half_rn(value));
}
__device__ inline float bfloat_to_float(std::uint16_t bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}
__device__ inline std::uint16_t float_to_bfloat(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
__device__ inline float bits_to_float(std::uint32_t bits) {
  return __uint_as_float(bits);
}

#else

using quant::bfloat_to_float;
using quant::float_to_bfloat;
using quant::float_to_half;
using quant::half_to_float;
inline float bits_to_float(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}

#endif

/// 2^(e - 128), see quant/half.h.
__device__ inline float mxfp4_scale(std::uint8_t e) {
  return bits_to_float(e < 2 ? 0x00200000U << e : static_cast<std::uint32_t>(e - 1) << 23);
}

/// Half the value of an unsigned E4M3 number, see quant/half.h.
__device__ inline float nvfp4_scale(std::uint8_t byte) {
  if (byte == 0 || byte == 0x7f) return 0;
  const std::uint32_t exponent = byte >> 3 & 15;
  const std::uint32_t mantissa = byte & 7;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  return bits_to_float((exponent - 8 + 127) << 23 | mantissa << 20);
}

}  // namespace llm::compute::cuda
