// What an instruction set provides for products: one table of functions per folder of isa/.
//
// A product goes through panels. A panel holds kChunk columns (or fewer at the end of a row) of
// some weight rows, expanded to one unsigned byte per weight and interleaved so that a vector lane
// is a row: q [columns / 4][rows][4], with the rows' scales beside it. Each quantised type brings
// only its expansion into this form ("unpack"); one micro-kernel per form multiplies a panel with a
// tile of a few tokens. Panels live in the first-level cache and are used at once, so decode and
// prefill are the same code, and every output is the same chain of operations whatever the batch:
//
//   for each block of 32 columns:  t   = sum over the block's scales s of  fma(int sum, s, t)
//                                  t   = fma(offset, sum of the token's integers, t)
//                                  acc = fma(t, token's scale, acc)
//
// This header is seen by files of different compiler flags: plain structs only, no functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/type.h"

namespace llm::compute::cpu {

constexpr int kChunk = 512;        // columns of a panel: 16 KiB for 32 rows
constexpr int kBlock = 32;         // columns that share a scale of the activations
constexpr int kMaxPanelWidth = 2;  // vectors of rows that one micro-kernel call covers

/// How the bytes of a panel are to be read: weight = scale * (byte - zero) + offset.
struct Scheme {
  int zero;     // taken off by the token's `start`, so it costs nothing
  int step;     // columns that share a scale (and offset): 16 or 32
  bool offset;  // has offsets; zero is then 0
  int largest;  // of the bytes; decides how many products fit 16 bits
};

/// The panel that an unpack function fills. `pitch`: rows of the whole panel, of which the function
/// fills as many as a vector has lanes.
struct PanelSlice {
  std::uint8_t* q;  // [columns / 4][pitch][4]
  float* scale;     // [columns / step][pitch]
  float* offset;    // the same; unused without offsets
  int pitch;
};

/// Expands `columns` (whole quant blocks) of as many rows as a vector has lanes; row r starts at
/// rows + r * stride. Meanwhile it asks for the bytes at `ahead` (as many as it reads), unless
/// null.
using UnpackFunction = void (*)(const std::byte* rows, std::int64_t stride, int columns,
                                PanelSlice to, const std::byte* ahead);

/// One panel times one tile of `tokens` tokens (a template parameter of the kernel, like the panel
/// width). Pointers of x point at the panel's first column.
struct MultiplyArguments {
  const std::uint8_t* q;
  const float* scale;
  const float* offset;
  const std::int8_t* x;         // [columns / 4][tokens][4]
  const float* x_scale;         // [columns / 32][tokens]
  const std::int32_t* x_start;  // [columns / step][tokens]: -zero * sum of x; without offsets
  const float* x_sum;           // [columns / step][tokens]: sum of x; with offsets
  int blocks;                   // columns / 32
  bool first;                   // acc starts from zero
  float* acc;                   // [tokens][rows]
};
using MultiplyFunction = void (*)(const MultiplyArguments&);

/// All columns of as many rows as a vector has lanes, for a tile of at most kDirectTokens tokens,
/// without a panel between. Of the arguments x and acc [tokens][lanes] count.
using DirectFunction = void (*)(const std::byte* rows, std::int64_t stride, int columns,
                                const MultiplyArguments& arguments, const std::byte* ahead);
constexpr int kDirectTokens = 4;

struct QuantKernels {
  quant::Type type;
  Scheme scheme;
  UnpackFunction unpack;
  const MultiplyFunction (*multiply)[kMaxPanelWidth];  // [tokens - 1][panel width - 1]
  DirectFunction direct[kDirectTokens];                // [tokens - 1], null where a panel is faster
};

/// Weights of type F32, F16 and BF16 stay rows, as f32: partial sums k mod lanes over up to kChunk
/// columns, added in a fixed tree, then to acc.
struct FloatMultiplyArguments {
  const float* weights;  // [rows][stride]
  std::int64_t stride;
  const float* const* x;  // one pointer per token
  int columns;
  bool first;
  float* acc;  // [tokens][acc_pitch]
  int acc_pitch;
};
using FloatMultiplyFunction = void (*)(const FloatMultiplyArguments&);
constexpr int kFloatRows = 4;  // rows of the wide form; the other form takes one row

/// Rounds `blocks` blocks of 32 values to integers in [-127, 127] times a scale per block.
/// q: groups of four values, `pitch` groups apart; scale [blocks] and sums [2 * blocks] (of 16
/// integers each): `pitch` elements apart. A block with a value that is not finite gets the scale
/// NaN.
using QuantizeFunction = void (*)(const float* x, int blocks, std::int8_t* q, float* scale,
                                  std::int32_t* sums, int pitch);

constexpr std::uint32_t kInfinityBits = 0x7f800000;  // f32 magnitudes from here on are not finite
constexpr float kSmallestAmax = 1e-30f;  // smaller blocks count as zero: 127 / amax stays finite

/// Weights of type BF16 where the instruction set multiplies such numbers: activations are rounded
/// to bf16 or to a sum of two, products are added in f32. The order of the sums is that of the set
/// and does not depend on the batch; sums over up to kChunk columns are added to acc.
struct Bf16Arguments {
  const std::uint16_t* weights;  // [rows][stride]
  std::int64_t stride;
  int rows;                // at most kBf16Rows; the others up to a multiple of 16 are zeros
  const std::byte* ahead;  // as many bytes as there are weights, to be asked for meanwhile; or null
  const std::uint16_t* x;  // the tile, as pack() wrote it
  std::int64_t x_columns;  // of all of x, whole blocks of 32
  std::int64_t column;     // the first
  int columns;             // whole blocks of 32
  int tokens;
  bool first;
  float* acc;  // [kBf16Rows][kBf16Tile]
};
constexpr int kBf16Rows = 32;
constexpr int kBf16Tile = 16;
constexpr int kBf16Parts = 2;  // that a number may be written in

struct Bf16Kernels {
  int tile;  // most tokens of a call, at most kBf16Tile
  void (*multiply)(const Bf16Arguments&);
  /// Activations of one tile, filled up with zeros to whole blocks. Takes up to kBf16Parts *
  /// x_columns numbers for each token.
  void (*pack)(const float* const* x, int tokens, std::int64_t columns, std::uint16_t* to);
  /// Said by a thread after some products, which may hold a unit that others want; or null.
  void (*leave)();
};

using ExpandFunction = void (*)(const std::byte* from, float* to, std::int64_t count);

struct Kernels {
  const char* name;  // as CpuSettings::isa
  const char* description;
  int lanes;  // rows of a vector
  int tile;   // most tokens of a multiply call
  const QuantKernels* quants;
  int quant_count;
  const FloatMultiplyFunction (*multiply_float)[2];  // [tokens - 1][0: one row, 1: kFloatRows]
  QuantizeFunction quantize;
  ExpandFunction expand_f16, expand_bf16;
  const Bf16Kernels* bf16 = nullptr;  // null: in f32
};

/// The codebooks of src/quant, as plain pointers. A grid row of 8 is two words, low elements first.
struct Codebooks {
  const std::uint32_t* iq2_xxs;
  const std::uint32_t* iq2_xs;
  const std::uint32_t* iq2_s;
  const std::uint32_t* iq3_xxs;
  const std::uint32_t* iq3_s;
  const std::uint32_t* iq1;
  const std::int8_t* iq4;  // [16]
  const std::int8_t* fp4;  // [16]
};
extern const Codebooks kCodebooks;

}  // namespace llm::compute::cpu
