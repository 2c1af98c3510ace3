// How each quantised type lies in memory: little-endian, packed, possibly unaligned. Fields named
// `d` are scales in binary16 unless said otherwise; the decoding formulas are in the *.cpp files.
#pragma once

#include <cstdint>

namespace llm::quant {

inline constexpr int kSuperBlock = 256;  // values per quant block of the K, IQ and T types

// ---- 32, 64 and 128 values. Nibbles: byte j holds element j (low) and j + 16 (high).

struct [[gnu::packed]] BlockQ4_0 {
  std::uint16_t d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

struct [[gnu::packed]] BlockQ4_1 {
  std::uint16_t d;
  std::uint16_t m;  // minimum, binary16
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

struct [[gnu::packed]] BlockQ5_0 {
  std::uint16_t d;
  std::uint32_t qh;  // bit i: fifth bit of element i
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

struct [[gnu::packed]] BlockQ5_1 {
  std::uint16_t d;
  std::uint16_t m;
  std::uint32_t qh;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

struct [[gnu::packed]] BlockQ8_0 {
  std::uint16_t d;
  std::int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

/// Activations only.
struct [[gnu::packed]] BlockQ8_1 {
  std::uint16_t d;
  std::uint16_t s;  // d * sum of qs, binary16
  std::int8_t qs[32];
};
static_assert(sizeof(BlockQ8_1) == 36);

struct [[gnu::packed]] BlockIQ4_NL {
  std::uint16_t d;
  std::uint8_t qs[16];  // indices into kIq4Levels
};
static_assert(sizeof(BlockIQ4_NL) == 18);

struct [[gnu::packed]] BlockMXFP4 {
  std::uint8_t e;       // scale 2^(e - 128)
  std::uint8_t qs[16];  // indices into kFp4Levels
};
static_assert(sizeof(BlockMXFP4) == 17);

/// Four groups of 16 values; in a group byte j holds element j (low) and j + 8 (high).
struct [[gnu::packed]] BlockNVFP4 {
  std::uint8_t d[4];  // scales of the groups, unsigned E4M3
  std::uint8_t qs[32];
};
static_assert(sizeof(BlockNVFP4) == 36);

/// 128 values, one bit each: d or -d.
struct [[gnu::packed]] BlockQ1_0 {
  std::uint16_t d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ1_0) == 18);

/// 64 values of 2 bits, four neighbours to a byte.
struct [[gnu::packed]] BlockQ2_0 {
  std::uint16_t d;
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ2_0) == 18);

// ---- K types. "Planes": byte l of half k holds in bits 2p, 2p+1 element 128k + 32p + l.

struct [[gnu::packed]] BlockQ2_K {
  std::uint8_t scales[16];  // of 16 values each: scale (low nibble), minimum (high)
  std::uint8_t qs[64];      // planes
  std::uint16_t d;
  std::uint16_t dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

struct [[gnu::packed]] BlockQ3_K {
  std::uint8_t hmask[32];   // bit i / 32 of byte i % 32: high bit of element i
  std::uint8_t qs[64];      // planes
  std::uint8_t scales[12];  // sixteen of 6 bits, biased by 32
  std::uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

struct [[gnu::packed]] BlockQ4_K {
  std::uint16_t d;
  std::uint16_t dmin;
  std::uint8_t scales[12];  // eight scales and eight minima of 6 bits
  std::uint8_t qs[128];     // byte 32k + l: elements 64k + l (low), 64k + 32 + l (high)
};
static_assert(sizeof(BlockQ4_K) == 144);

struct [[gnu::packed]] BlockQ5_K {
  std::uint16_t d;
  std::uint16_t dmin;
  std::uint8_t scales[12];
  std::uint8_t qh[32];  // bit i / 32 of byte i % 32: fifth bit of element i
  std::uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

struct [[gnu::packed]] BlockQ6_K {
  std::uint8_t ql[128];  // byte 64k + l: elements 128k + l (low), 128k + 64 + l (high)
  std::uint8_t qh[64];   // planes
  std::int8_t scales[16];
  std::uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

/// Activations only.
struct [[gnu::packed]] BlockQ8_K {
  float d;
  std::int8_t qs[256];
  std::int16_t bsums[16];  // sums of 16 qs
};
static_assert(sizeof(BlockQ8_K) == 292);

struct [[gnu::packed]] BlockIQ4_XS {
  std::uint16_t d;
  std::uint16_t scales_h;  // bits 2g, 2g+1: upper bits of the scale of group g
  std::uint8_t scales_l[4];
  std::uint8_t qs[128];  // 16 bytes per group of 32, nibbles as Q4_0
};
static_assert(sizeof(BlockIQ4_XS) == 136);

// ---- Ternary types

struct [[gnu::packed]] BlockTQ1_0 {
  std::uint8_t qs[48];  // five base-3 digits each
  std::uint8_t qh[4];   // four
  std::uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

struct [[gnu::packed]] BlockTQ2_0 {
  std::uint8_t qs[64];  // planes
  std::uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

// ---- Grid types (tables.h)

struct [[gnu::packed]] BlockIQ2_XXS {
  std::uint16_t d;
  struct [[gnu::packed]] Group {
    std::uint8_t grid[4];  // indices into kIq2XxsGrid
    std::uint32_t signs;   // four 7-bit codes of kEvenSigns, then the scale in bits 28..31
  } groups[8];             // of 32 values
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

struct [[gnu::packed]] BlockIQ2_XS {
  std::uint16_t d;
  std::uint16_t qs[32];    // index into kIq2XsGrid (9 bits), code of kEvenSigns
  std::uint8_t scales[8];  // a nibble per 16 values
};
static_assert(sizeof(BlockIQ2_XS) == 74);

struct [[gnu::packed]] BlockIQ2_S {
  std::uint16_t d;
  std::uint8_t qs[32];     // low bits of the indices into kIq2SGrid
  std::uint8_t signs[32];  // one bit per value
  std::uint8_t qh[8];      // bits 8, 9 of the indices
  std::uint8_t scales[8];  // a nibble per 16 values
};
static_assert(sizeof(BlockIQ2_S) == 82);

struct [[gnu::packed]] BlockIQ3_XXS {
  std::uint16_t d;
  std::uint8_t qs[64];     // indices into kIq3XxsGrid
  std::uint32_t signs[8];  // per 32 values: four 7-bit codes, then the scale in bits 28..31
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

struct [[gnu::packed]] BlockIQ3_S {
  std::uint16_t d;
  std::uint8_t qs[64];     // low bits of the indices into kIq3SGrid
  std::uint8_t qh[8];      // bit n % 8 of byte n / 8: bit 8 of index n
  std::uint8_t signs[32];  // one bit per value
  std::uint8_t scales[4];  // a nibble per 32 values
};
static_assert(sizeof(BlockIQ3_S) == 110);

struct [[gnu::packed]] BlockIQ1_S {
  std::uint16_t d;
  std::uint8_t qs[32];  // low bits of the indices into kIq1Grid
  std::uint16_t qh[8];  // per 32 values: four times 3 index bits, scale (3 bits), sign of delta
};
static_assert(sizeof(BlockIQ1_S) == 50);

struct [[gnu::packed]] BlockIQ1_M {
  std::uint8_t qs[32];      // low bits of the indices into kIq1Grid
  std::uint8_t qh[16];      // a nibble per 8 values: 3 index bits, sign of delta
  std::uint16_t scales[4];  // 3 bits per 16 values; the top nibbles together are d
};
static_assert(sizeof(BlockIQ1_M) == 56);

inline constexpr float kIq1Delta = 0.125F;  // shift of the levels of IQ1_S and IQ1_M

}  // namespace llm::quant
