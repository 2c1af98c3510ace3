// Every storage type of a GGUF tensor, in one table. Facts: a `quant block` of block_length
// values is stored in block_bytes bytes; rows are a whole number of blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace llm::quant {

/// The number is the one stored in files.
enum class Type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,
};

struct Traits {
  Type type;
  std::string_view name;  // as files and flags spell it, lower case: "q4_k"
  int block_length;       // values
  int block_bytes;
  /// Expands `count` values (a multiple of block_length). Null for integer types.
  void (*dequantize)(const std::byte* from, float* to, std::int64_t count);
  /// Quantises `count` values; `importance` (one weight per column, or null) steers the search;
  /// with importance `count` is one row. Null for integer types.
  void (*quantize)(const float* from, std::byte* to, std::int64_t count, const float* importance);
};

/// All rows of the table, in the order of their numbers.
std::span<const Traits> all_traits();

/// Null when no such type is known.
const Traits* find_traits(std::uint32_t number);
const Traits* find_traits(std::string_view name);

/// The row of a type of the enumeration.
const Traits& traits(Type type);

/// Bytes of a row of `count` values; REQUIRES count % block_length == 0.
std::int64_t row_bytes(Type type, std::int64_t count);

}  // namespace llm::quant
