// Weights in registers: eight neighbouring values of a row from the bytes of its quant block, for
// every type. The formulas are those of src/quant; blocks lie as in files, where all but MXFP4's
// begin at even addresses.
#pragma once

#include <cstdint>

#include "compute/cuda/kernels/grids.h"
#include "compute/cuda/launch.h"
#include "compute/cuda/numbers.h"
#include "quant/type.h"

namespace llm::compute::cuda {

using Bytes = const std::uint8_t*;

__device__ inline unsigned load16(Bytes p) {
  return *reinterpret_cast<const std::uint16_t*>(p);
}
__device__ inline std::uint32_t load32(Bytes p) {
  return load16(p) | load16(p + 2) << 16;
}
__device__ inline float half_at(Bytes p) {
  return half_to_float(static_cast<std::uint16_t>(load16(p)));
}

/// Field i of `shift` bits up in eight neighbouring bytes.
template <class F>
__device__ inline void each8(F&& body) {
#pragma unroll
  for (int i = 0; i < 8; ++i) body(i);
}

/// The seven sign bits of a group and the eighth that makes their number even.
__device__ inline unsigned even_signs(unsigned code) {
  return code | static_cast<unsigned>(__popc(code) & 1) << 7;
}

/// Eight magnitudes of a grid's row with signs, times a scale.
__device__ inline void signed_row(std::uint32_t low, std::uint32_t high, unsigned signs,
                                  float scale, float* out) {
  each8([&](int i) {
    const auto magnitude = static_cast<float>((i < 4 ? low >> 8 * i : high >> 8 * (i - 4)) & 0xff);
    out[i] = scale * ((signs >> i & 1) != 0 ? -magnitude : magnitude);
  });
}
__device__ inline void signed_row(std::uint64_t row, unsigned signs, float scale, float* out) {
  signed_row(static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(row >> 32), signs, scale,
             out);
}

/// Eight of -1, 0, 1, shifted, times a scale (IQ1_S, IQ1_M).
__device__ inline void shifted_row(std::uint64_t row, bool minus, float scale, float* out) {
  const float delta = minus ? -0.125f : 0.125f;
  each8([&](int i) {
    const auto level = static_cast<std::int8_t>(row >> 8 * i);
    out[i] = scale * (static_cast<float>(level) + delta);
  });
}

/// Decoder<type>::eight(block, group, grids, out): values 8 * group .. 8 * group + 7 of a block.
template <quant::Type>
struct Decoder;

// ---- Blocks of 32 to 128 values

template <>
struct Decoder<quant::Type::q4_0> {
  static constexpr int kValues = 32, kBytes = 18;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block);
    const Bytes qs = block + 2 + group % 2 * 8;
    const int shift = group / 2 * 4;
    each8([&](int i) { out[i] = d * static_cast<float>((qs[i] >> shift & 15) - 8); });
  }
};

template <>
struct Decoder<quant::Type::q4_1> {
  static constexpr int kValues = 32, kBytes = 20;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block), m = half_at(block + 2);
    const Bytes qs = block + 4 + group % 2 * 8;
    const int shift = group / 2 * 4;
    each8([&](int i) { out[i] = d * static_cast<float>(qs[i] >> shift & 15) + m; });
  }
};

template <>
struct Decoder<quant::Type::q5_0> {
  static constexpr int kValues = 32, kBytes = 22;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block);
    const std::uint32_t high = load32(block + 2) >> 8 * group;
    const Bytes qs = block + 6 + group % 2 * 8;
    const int shift = group / 2 * 4;
    each8([&](int i) {
      const int q = static_cast<int>((qs[i] >> shift & 15) | (high >> i & 1) << 4);
      out[i] = d * static_cast<float>(q - 16);
    });
  }
};

template <>
struct Decoder<quant::Type::q5_1> {
  static constexpr int kValues = 32, kBytes = 24;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block), m = half_at(block + 2);
    const std::uint32_t high = load32(block + 4) >> 8 * group;
    const Bytes qs = block + 8 + group % 2 * 8;
    const int shift = group / 2 * 4;
    each8([&](int i) {
      const int q = static_cast<int>((qs[i] >> shift & 15) | (high >> i & 1) << 4);
      out[i] = d * static_cast<float>(q) + m;
    });
  }
};

template <>
struct Decoder<quant::Type::q8_0> {
  static constexpr int kValues = 32, kBytes = 34;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block);
    const auto* qs = reinterpret_cast<const std::int8_t*>(block + 2 + 8 * group);
    each8([&](int i) { out[i] = d * static_cast<float>(qs[i]); });
  }
};

template <>
struct Decoder<quant::Type::iq4_nl> {
  static constexpr int kValues = 32, kBytes = 18;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const float d = half_at(block);
    const Bytes qs = block + 2 + group % 2 * 8;
    const int shift = group / 2 * 4;
    each8([&](int i) { out[i] = d * static_cast<float>(grids.iq4_levels[qs[i] >> shift & 15]); });
  }
};

template <>
struct Decoder<quant::Type::mxfp4> {
  static constexpr int kValues = 32, kBytes = 17;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const float d = mxfp4_scale(block[0]);
    const Bytes qs = block + 1 + group % 2 * 8;
    const int shift = group / 2 * 4;
    each8([&](int i) { out[i] = d * static_cast<float>(grids.fp4_levels[qs[i] >> shift & 15]); });
  }
};

template <>
struct Decoder<quant::Type::nvfp4> {
  static constexpr int kValues = 64, kBytes = 36;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const float d = nvfp4_scale(block[group / 2]);
    const Bytes qs = block + 4 + group / 2 * 8;
    const int shift = group % 2 * 4;
    each8([&](int i) { out[i] = d * static_cast<float>(grids.fp4_levels[qs[i] >> shift & 15]); });
  }
};

template <>
struct Decoder<quant::Type::q1_0> {
  static constexpr int kValues = 128, kBytes = 18;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block);
    const unsigned bits = block[2 + group];
    each8([&](int i) { out[i] = (bits >> i & 1) != 0 ? d : -d; });
  }
};

template <>
struct Decoder<quant::Type::q2_0> {
  static constexpr int kValues = 64, kBytes = 18;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block);
    const unsigned bits = load16(block + 2 + 2 * group);
    each8([&](int i) { out[i] = static_cast<float>(static_cast<int>(bits >> 2 * i & 3) - 1) * d; });
  }
};

// ---- Blocks of 256 values. Group g of 8 lies in group g / 2 of 16 and g / 4 of 32.

/// Where eight neighbours lie in planes of two bits: bytes 32 * half + first .., bits 2 * plane ..
struct PlanePlace {
  int half, plane, first;
  __device__ explicit PlanePlace(int group)
      : half(group / 16), plane(group / 4 % 4), first(group % 4 * 8) {}
};

template <>
struct Decoder<quant::Type::q2_k> {
  static constexpr int kValues = 256, kBytes = 84;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const PlanePlace at(group);
    const unsigned code = block[group / 2];
    const float scale = half_at(block + 80) * static_cast<float>(code & 15);
    const float minimum = half_at(block + 82) * static_cast<float>(code >> 4);
    const Bytes qs = block + 16 + 32 * at.half + at.first;
    each8([&](int i) { out[i] = scale * static_cast<float>(qs[i] >> 2 * at.plane & 3) - minimum; });
  }
};

template <>
struct Decoder<quant::Type::q3_k> {
  static constexpr int kValues = 256, kBytes = 110;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const PlanePlace at(group);
    const Bytes scales = block + 96;
    const int g = group / 2;
    const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    const int high = scales[8 + g % 4] >> (2 * (g / 4)) & 3;
    const float scale = half_at(block + 108) * static_cast<float>((low | high << 4) - 32);
    const Bytes mask = block + at.first, qs = block + 32 + 32 * at.half + at.first;
    each8([&](int i) {
      const int q = (qs[i] >> 2 * at.plane & 3) + 4 * (mask[i] >> (group / 4) & 1) - 4;
      out[i] = scale * static_cast<float>(q);
    });
  }
};

/// Scale and minimum of a group of 32 in Q4_K and Q5_K, times d and dmin.
struct KScale {
  float scale, minimum;
  __device__ KScale(Bytes block, int g) {
    const Bytes s = block + 4;
    const int code = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
    const int least = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
    scale = half_at(block) * static_cast<float>(code);
    minimum = half_at(block + 2) * static_cast<float>(least);
  }
};

template <>
struct Decoder<quant::Type::q4_k> {
  static constexpr int kValues = 256, kBytes = 144;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const int g = group / 4;
    const KScale s(block, g);
    const Bytes qs = block + 16 + g / 2 * 32 + group % 4 * 8;
    const int shift = g % 2 * 4;
    each8([&](int i) { out[i] = s.scale * static_cast<float>(qs[i] >> shift & 15) - s.minimum; });
  }
};

template <>
struct Decoder<quant::Type::q5_k> {
  static constexpr int kValues = 256, kBytes = 176;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const int g = group / 4;
    const KScale s(block, g);
    const Bytes high = block + 16 + group % 4 * 8;
    const Bytes qs = block + 48 + g / 2 * 32 + group % 4 * 8;
    const int shift = g % 2 * 4;
    each8([&](int i) {
      const int q = (qs[i] >> shift & 15) | (high[i] >> g & 1) << 4;
      out[i] = s.scale * static_cast<float>(q) - s.minimum;
    });
  }
};

template <>
struct Decoder<quant::Type::q6_k> {
  static constexpr int kValues = 256, kBytes = 210;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const PlanePlace at(group);
    const auto code = static_cast<std::int8_t>(block[192 + group / 2]);
    const float scale = half_at(block + 208) * static_cast<float>(code);
    const Bytes low = block + 64 * at.half + at.plane % 2 * 32 + at.first;
    const Bytes high = block + 128 + 32 * at.half + at.first;
    const int shift = at.plane / 2 * 4;
    each8([&](int i) {
      const int q = ((low[i] >> shift & 15) | (high[i] >> 2 * at.plane & 3) << 4) - 32;
      out[i] = scale * static_cast<float>(q);
    });
  }
};

template <>
struct Decoder<quant::Type::iq4_xs> {
  static constexpr int kValues = 256, kBytes = 136;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const int g = group / 4;
    const int low = block[4 + g / 2] >> (g % 2 * 4) & 15;
    const int high = static_cast<int>(load16(block + 2) >> (2 * g) & 3);
    const float scale = half_at(block) * static_cast<float>((low | high << 4) - 32);
    const Bytes qs = block + 8 + 16 * g + group % 2 * 8;
    const int shift = group % 4 / 2 * 4;
    each8(
        [&](int i) { out[i] = scale * static_cast<float>(grids.iq4_levels[qs[i] >> shift & 15]); });
  }
};

template <>
struct Decoder<quant::Type::tq1_0> {
  static constexpr int kValues = 256, kBytes = 54;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const float d = half_at(block + 52);
    each8([&](int i) {
      int e = 8 * group + i, width = 32;
      Bytes bytes = block;
      if (e >= 240) {
        e -= 240;
        width = 4;
        bytes += 48;
      } else if (e >= 160) {
        e -= 160;
        width = 16;
        bytes += 32;
      }
      // A byte is a fraction of 256 in base 3: multiplying by 3 moves one digit before the point.
      unsigned rest = bytes[e % width];
      for (int n = e / width; n > 0; --n) rest = rest * 3 & 255;
      out[i] = static_cast<float>(static_cast<int>(rest * 3 >> 8) - 1) * d;
    });
  }
};

template <>
struct Decoder<quant::Type::tq2_0> {
  static constexpr int kValues = 256, kBytes = 66;
  static __device__ void eight(Bytes block, int group, const Grids&, float* out) {
    const PlanePlace at(group);
    const float d = half_at(block + 64);
    const Bytes qs = block + 32 * at.half + at.first;
    each8([&](int i) { out[i] = static_cast<float>((qs[i] >> 2 * at.plane & 3) - 1) * d; });
  }
};

// ---- Codebooks

/// The scale of IQ2 types from a code of 4 bits.
__device__ inline float iq2_scale(float d, unsigned code) {
  return d * (0.5f + static_cast<float>(code)) * 0.25f;
}

template <>
struct Decoder<quant::Type::iq2_xxs> {
  static constexpr int kValues = 256, kBytes = 66;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const Bytes part = block + 2 + group / 4 * 8;
    const std::uint32_t codes = load32(part + 4);
    const float scale = iq2_scale(half_at(block), codes >> 28);
    signed_row(grids.iq2_xxs[part[group % 4]], even_signs(codes >> 7 * (group % 4) & 127), scale,
               out);
  }
};

template <>
struct Decoder<quant::Type::iq2_xs> {
  static constexpr int kValues = 256, kBytes = 74;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const unsigned code = block[66 + group / 4] >> (group / 2 % 2 * 4) & 15;
    const unsigned q = load16(block + 2 + 2 * group);
    signed_row(grids.iq2_xs[q & 511], even_signs(q >> 9), iq2_scale(half_at(block), code), out);
  }
};

template <>
struct Decoder<quant::Type::iq2_s> {
  static constexpr int kValues = 256, kBytes = 82;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const unsigned code = block[74 + group / 4] >> (group / 2 % 2 * 4) & 15;
    const unsigned index = block[2 + group] | (block[66 + group / 4] >> 2 * (group % 4) & 3u) << 8;
    signed_row(grids.iq2_s[index], block[34 + group], iq2_scale(half_at(block), code), out);
  }
};

template <>
struct Decoder<quant::Type::iq3_xxs> {
  static constexpr int kValues = 256, kBytes = 98;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const std::uint32_t codes = load32(block + 66 + group / 4 * 4);
    const float scale = half_at(block) * (0.5f + static_cast<float>(codes >> 28)) * 0.5f;
    const Bytes qs = block + 2 + 2 * group;
    signed_row(grids.iq3_xxs[qs[0]], grids.iq3_xxs[qs[1]],
               even_signs(codes >> 7 * (group % 4) & 127), scale, out);
  }
};

template <>
struct Decoder<quant::Type::iq3_s> {
  static constexpr int kValues = 256, kBytes = 110;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const int code = block[106 + group / 8] >> (group / 4 % 2 * 4) & 15;
    const float scale = half_at(block) * static_cast<float>(1 + 2 * code);
    const Bytes qs = block + 2 + 2 * group;
    // The high bits of two neighbouring indices lie in one byte.
    const unsigned high = block[66 + group / 4] >> (2 * (group % 4));
    signed_row(grids.iq3_s[qs[0] | (high & 1) << 8], grids.iq3_s[qs[1] | (high >> 1 & 1) << 8],
               block[74 + group], scale, out);
  }
};

template <>
struct Decoder<quant::Type::iq1_s> {
  static constexpr int kValues = 256, kBytes = 50;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const unsigned high = load16(block + 34 + group / 4 * 2);
    const float scale = half_at(block) * static_cast<float>(2 * (high >> 12 & 7) + 1);
    const unsigned index = block[2 + group] | (high >> 3 * (group % 4) & 7) << 8;
    shifted_row(grids.iq1[index], (high & 0x8000) != 0, scale, out);
  }
};

template <>
struct Decoder<quant::Type::iq1_m> {
  static constexpr int kValues = 256, kBytes = 56;
  static __device__ void eight(Bytes block, int group, const Grids& grids, float* out) {
    const Bytes scales = block + 48;
    const unsigned bits = load16(scales) >> 12 | load16(scales + 2) >> 12 << 4 |
                          load16(scales + 4) >> 12 << 8 | load16(scales + 6) >> 12 << 12;
    const int half = group / 2;
    const unsigned code = load16(scales + half / 4 * 2) >> 3 * (half % 4) & 7;
    const float scale =
        half_to_float(static_cast<std::uint16_t>(bits)) * static_cast<float>(2 * code + 1);
    const unsigned high = block[32 + half] >> (group % 2 * 4) & 15;
    shifted_row(grids.iq1[block[group] | (high & 7) << 8], (high & 8) != 0, scale, out);
  }
};

// ---- Values on their own: "blocks" of one group. Rows may end inside the last one.

template <>
struct Decoder<quant::Type::f32> {
  static constexpr int kValues = 8, kBytes = 32;
  static __device__ float one(Bytes row, std::int64_t column) {
    return reinterpret_cast<const float*>(row)[column];
  }
};

template <>
struct Decoder<quant::Type::f16> {
  static constexpr int kValues = 8, kBytes = 16;
  static __device__ float one(Bytes row, std::int64_t column) {
    return half_to_float(reinterpret_cast<const std::uint16_t*>(row)[column]);
  }
};

template <>
struct Decoder<quant::Type::bf16> {
  static constexpr int kValues = 8, kBytes = 16;
  static __device__ float one(Bytes row, std::int64_t column) {
    return bfloat_to_float(reinterpret_cast<const std::uint16_t*>(row)[column]);
  }
};

template <quant::Type type>
inline constexpr bool kIsPlain =
    type == quant::Type::f32 || type == quant::Type::f16 || type == quant::Type::bf16;

}  // namespace llm::compute::cuda
