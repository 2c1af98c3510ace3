#include "quant/type.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"

namespace llm::quant {
namespace {

constexpr std::array kTraits = {
    Traits{Type::f32, "f32", 1, 4, dequantize::f32, quantize::f32},
    Traits{Type::f16, "f16", 1, 2, dequantize::f16, quantize::f16},
    Traits{Type::q4_0, "q4_0", 32, sizeof(BlockQ4_0), dequantize::q4_0, quantize::q4_0},
    Traits{Type::q4_1, "q4_1", 32, sizeof(BlockQ4_1), dequantize::q4_1, quantize::q4_1},
    Traits{Type::q5_0, "q5_0", 32, sizeof(BlockQ5_0), dequantize::q5_0, quantize::q5_0},
    Traits{Type::q5_1, "q5_1", 32, sizeof(BlockQ5_1), dequantize::q5_1, quantize::q5_1},
    Traits{Type::q8_0, "q8_0", 32, sizeof(BlockQ8_0), dequantize::q8_0, quantize::q8_0},
    Traits{Type::q8_1, "q8_1", 32, sizeof(BlockQ8_1), dequantize::q8_1, quantize::q8_1},
    Traits{Type::q2_k, "q2_k", 256, sizeof(BlockQ2_K), dequantize::q2_k, quantize::q2_k},
    Traits{Type::q3_k, "q3_k", 256, sizeof(BlockQ3_K), dequantize::q3_k, quantize::q3_k},
    Traits{Type::q4_k, "q4_k", 256, sizeof(BlockQ4_K), dequantize::q4_k, quantize::q4_k},
    Traits{Type::q5_k, "q5_k", 256, sizeof(BlockQ5_K), dequantize::q5_k, quantize::q5_k},
    Traits{Type::q6_k, "q6_k", 256, sizeof(BlockQ6_K), dequantize::q6_k, quantize::q6_k},
    Traits{Type::q8_k, "q8_k", 256, sizeof(BlockQ8_K), dequantize::q8_k, quantize::q8_k},
    Traits{Type::iq2_xxs, "iq2_xxs", 256, sizeof(BlockIQ2_XXS), dequantize::iq2_xxs,
           quantize::iq2_xxs},
    Traits{Type::iq2_xs, "iq2_xs", 256, sizeof(BlockIQ2_XS), dequantize::iq2_xs, quantize::iq2_xs},
    Traits{Type::iq3_xxs, "iq3_xxs", 256, sizeof(BlockIQ3_XXS), dequantize::iq3_xxs,
           quantize::iq3_xxs},
    Traits{Type::iq1_s, "iq1_s", 256, sizeof(BlockIQ1_S), dequantize::iq1_s, quantize::iq1_s},
    Traits{Type::iq4_nl, "iq4_nl", 32, sizeof(BlockIQ4_NL), dequantize::iq4_nl, quantize::iq4_nl},
    Traits{Type::iq3_s, "iq3_s", 256, sizeof(BlockIQ3_S), dequantize::iq3_s, quantize::iq3_s},
    Traits{Type::iq2_s, "iq2_s", 256, sizeof(BlockIQ2_S), dequantize::iq2_s, quantize::iq2_s},
    Traits{Type::iq4_xs, "iq4_xs", 256, sizeof(BlockIQ4_XS), dequantize::iq4_xs, quantize::iq4_xs},
    Traits{Type::i8, "i8", 1, 1, nullptr, nullptr},
    Traits{Type::i16, "i16", 1, 2, nullptr, nullptr},
    Traits{Type::i32, "i32", 1, 4, nullptr, nullptr},
    Traits{Type::i64, "i64", 1, 8, nullptr, nullptr},
    Traits{Type::f64, "f64", 1, 8, dequantize::f64, quantize::f64},
    Traits{Type::iq1_m, "iq1_m", 256, sizeof(BlockIQ1_M), dequantize::iq1_m, quantize::iq1_m},
    Traits{Type::bf16, "bf16", 1, 2, dequantize::bf16, quantize::bf16},
    Traits{Type::tq1_0, "tq1_0", 256, sizeof(BlockTQ1_0), dequantize::tq1_0, quantize::tq1_0},
    Traits{Type::tq2_0, "tq2_0", 256, sizeof(BlockTQ2_0), dequantize::tq2_0, quantize::tq2_0},
    Traits{Type::mxfp4, "mxfp4", 32, sizeof(BlockMXFP4), dequantize::mxfp4, quantize::mxfp4},
    Traits{Type::nvfp4, "nvfp4", 64, sizeof(BlockNVFP4), dequantize::nvfp4, quantize::nvfp4},
    Traits{Type::q1_0, "q1_0", 128, sizeof(BlockQ1_0), dequantize::q1_0, quantize::q1_0},
    Traits{Type::q2_0, "q2_0", 64, sizeof(BlockQ2_0), dequantize::q2_0, quantize::q2_0},
};

constexpr std::uint32_t kNumbers = static_cast<std::uint32_t>(Type::q2_0) + 1;
constexpr std::uint8_t kNoRow = 0xff;

constexpr std::array<std::uint8_t, kNumbers> row_by_number() {
  std::array<std::uint8_t, kNumbers> rows{};
  rows.fill(kNoRow);
  for (std::size_t row = 0; row < kTraits.size(); ++row)
    rows[static_cast<std::uint32_t>(kTraits[row].type)] = static_cast<std::uint8_t>(row);
  return rows;
}

constexpr auto kRowByNumber = row_by_number();

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::span<const Traits> all_traits() {
  return kTraits;
}

const Traits* find_traits(std::uint32_t number) {
  if (number >= kNumbers || kRowByNumber[number] == kNoRow) return nullptr;
  return &kTraits[kRowByNumber[number]];
}

const Traits* find_traits(std::string_view name) {
  const auto row = std::ranges::find_if(
      kTraits, [&](const Traits& t) { return equal_ignoring_case(t.name, name); });
  return row == kTraits.end() ? nullptr : &*row;
}

const Traits& traits(Type type) {
  const Traits* row = find_traits(static_cast<std::uint32_t>(type));
  assert(row);
  return *row;
}

std::int64_t row_bytes(Type type, std::int64_t count) {
  const Traits& row = traits(type);
  assert(count % row.block_length == 0);
  return count / row.block_length * row.block_bytes;
}

}  // namespace llm::quant
