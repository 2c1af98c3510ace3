// Quantisers of the types with codebooks of magnitudes: IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S.
// One scheme: signs apart, then for each group with a scale the codes and the scale that lose
// least.
#include <algorithm>
#include <array>
#include <cmath>

#include "quant/blocks.h"
#include "quant/codebook.h"
#include "quant/half.h"
#include "quant/quantize.h"
#include "quant/search.h"

namespace llm::quant::quantize {
namespace {

using search::nearest;

/// In what the types differ.
struct Scheme {
  const Codebook& book;
  int length;              // values that share a scale: 16 or 32
  bool even_signs;         // each 8 values have an even number of minus signs
  float zero;              // groups whose largest magnitude is below get the scale 0
  int tries;               // scales tried on each side
  float step;              // between them
  bool begin_with_search;  // take the range from search::positive instead of the maximum
  bool redo_all;           // the second pass takes all groups, not only those off the grid
  float sigma_factor;      // times the mean square
  float stored_factor;     // of the block's scale
};

/// A super-block, ready to be packed: signs per 8 values, codebook indices, scales.
struct Encoded {
  std::array<std::uint8_t, 32> signs{};
  std::array<std::uint16_t, 64> index{};  // per 8 (or 4) values
  std::array<std::uint8_t, 16> scale{};   // codes 0 .. 15, per `length` values
  std::uint16_t d = 0;
};

/// One group that shares a scale.
struct Group {
  float v[32] = {};   // magnitudes; negative where a sign was flipped to make their number even
  float w[32] = {};   // weights of the squared errors
  float wa[32] = {};  // their roots
  std::uint8_t code[32] = {};
  float scale = 0;
};

/// Takes the signs off 8 values.
std::uint8_t take_signs(const float* x, bool even, float* v, const float* w) {
  int signs = 0, minus = 0;
  for (int i = 0; i < 8; ++i) {
    const bool negative = !(x[i] >= 0);
    v[i] = negative ? -x[i] : x[i];
    signs |= negative << i;
    minus += negative;
  }
  if (even && minus % 2 == 1) {
    int least = 0;
    float loss = w[0] * x[0] * x[0];
    for (int i = 1; i < 8; ++i) {
      if (w[i] * x[i] * x[i] < loss) {
        loss = w[i] * x[i] * x[i];
        least = i;
      }
    }
    v[least] = -v[least];
    signs ^= 1 << least;
  }
  return static_cast<std::uint8_t>(signs);
}

/// Replaces a code off the grid by the neighbour with the smallest weighted error at this scale.
void move_to_neighbour(const Codebook& book, const float* v, const float* wa, float scale,
                       std::uint8_t* code) {
  float smallest = 0;
  int best = -1;
  for (const std::uint16_t index : book.neighbours(code)) {
    const auto row = book.row(index);
    float error = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const float e = scale * static_cast<float>(2 * row[i] + 1) - v[i];
      error += wa[i] * e * e;
    }
    if (best < 0 || error < smallest) {
      smallest = error;
      best = index;
    }
  }
  std::ranges::copy(book.row(static_cast<std::size_t>(best)), code);
}

/// Codes of one grid group for the factor f; true when they were on the grid already.
bool round_to_grid(const Codebook& book, const float* v, const float* wa, float f, float scale,
                   std::uint8_t* code) {
  for (int i = 0; i < book.columns(); ++i)
    code[i] =
        static_cast<std::uint8_t>(std::clamp(nearest(0.5F * (f * v[i] - 1)), 0, book.levels() - 1));
  if (book.index_of(code) >= 0) return true;
  move_to_neighbour(book, v, wa, scale, code);
  return false;
}

struct Fit {
  float xq = 0;
  float qq = 0;
};

Fit fit(const Group& group, const std::uint8_t* code, int length) {
  Fit sums;
  for (int i = 0; i < length; ++i) {
    const float q = static_cast<float>(2 * code[i] + 1);
    sums.xq += group.w[i] * group.v[i] * q;
    sums.qq += group.w[i] * q * q;
  }
  return sums;
}

/// What the tried scales are relative to; 0 for a group that is zero.
float range_of(const Scheme& scheme, const Group& group) {
  const float largest = *std::max_element(group.v, group.v + scheme.length);
  if (largest < scheme.zero || !(largest > 0)) return 0;
  if (!scheme.begin_with_search) return largest;
  std::uint8_t unused[32];
  return 3 * search::positive(scheme.length, 4, group.v, group.w, unused);
}

/// Finds codes and scale of a group.
void search_group(const Scheme& scheme, Group& group) {
  const float range = range_of(scheme, group);
  if (!(range > 0)) return;
  const Codebook& book = scheme.book;
  const int columns = book.columns();
  std::array<bool, 8> on_grid{};
  float best = 0;
  for (int step = -scheme.tries; step <= scheme.tries; ++step) {
    const float f =
        (static_cast<float>(2 * book.levels() - 1) + scheme.step * static_cast<float>(step)) /
        range;
    std::uint8_t code[32];
    std::array<bool, 8> on{};
    for (int at = 0; at < scheme.length; at += columns)
      on[static_cast<std::size_t>(at / columns)] =
          round_to_grid(book, group.v + at, group.wa + at, f, 1 / f, code + at);
    const Fit sums = fit(group, code, scheme.length);
    if (sums.qq > 0 && sums.xq * sums.xq > best * sums.qq) {
      group.scale = sums.xq / sums.qq;
      best = group.scale * sums.xq;
      std::copy_n(code, scheme.length, group.code);
      on_grid = on;
    }
  }
  const auto groups = static_cast<std::size_t>(scheme.length / columns);
  const bool all_on = std::all_of(on_grid.begin(), on_grid.begin() + static_cast<int>(groups),
                                  [](bool on) { return on; });
  if (all_on || !(group.scale > 0)) return;
  const float f = 1 / group.scale;
  for (std::size_t k = 0; k < groups; ++k) {
    if (on_grid[k] && !scheme.redo_all) continue;
    const auto at = static_cast<int>(k) * columns;
    round_to_grid(book, group.v + at, group.wa + at, f, group.scale, group.code + at);
  }
  const Fit sums = fit(group, group.code, scheme.length);
  if (sums.qq > 0) group.scale = sums.xq / sums.qq;
}

void set_weights(const Scheme& scheme, const float* x, const float* importance, float sigma2,
                 Group& group) {
  for (int i = 0; i < scheme.length; ++i) {
    if (importance) {
      group.w[i] = importance[i] * std::sqrt(sigma2 + x[i] * x[i]);
    } else {
      const bool two_bits = scheme.book.levels() == 3;
      group.w[i] = (two_bits ? 0.25F * sigma2 : 0) + x[i] * x[i];
    }
    group.wa[i] = std::sqrt(group.w[i]);
  }
}

Encoded encode(const Scheme& scheme, const float* x, const float* importance) {
  float sigma2 = 0;
  for (int i = 0; i < kSuperBlock; ++i) sigma2 += x[i] * x[i];
  sigma2 = scheme.sigma_factor * sigma2 / kSuperBlock;

  const int columns = scheme.book.columns();
  const int groups = kSuperBlock / scheme.length;
  Encoded out;
  float scale[16];
  float largest = 0;
  for (int g = 0; g < groups; ++g) {
    const int first = g * scheme.length;
    Group group;
    set_weights(scheme, x + first, importance ? importance + first : nullptr, sigma2, group);
    std::uint8_t signs[4] = {};
    for (int i = 0; i < scheme.length; i += 8)
      signs[i / 8] = take_signs(x + first + i, scheme.even_signs, group.v + i, group.w + i);
    search_group(scheme, group);
    if (group.scale < 0) {  // more magnitude on flipped signs than on the others
      group.scale = -group.scale;
      for (std::uint8_t& s : signs) s = static_cast<std::uint8_t>(~s);
    }
    scale[g] = group.scale;
    largest = std::max(largest, group.scale);
    if (group.scale == 0) continue;
    for (int i = 0; i < scheme.length; i += 8)
      out.signs[static_cast<std::size_t>((first + i) / 8)] = signs[i / 8];
    for (int i = 0; i < scheme.length; i += columns)
      out.index[static_cast<std::size_t>((first + i) / columns)] =
          static_cast<std::uint16_t>(scheme.book.index_of(group.code + i));
  }
  if (!(largest > 0)) return Encoded{};
  const float d = largest / 31;
  out.d = float_to_half(d * scheme.stored_factor);
  const float f = 1 / d;
  for (int g = 0; g < groups; ++g)
    out.scale[static_cast<std::size_t>(g)] =
        static_cast<std::uint8_t>(std::clamp(nearest(0.5F * (f * scale[g] - 1)), 0, 15));
  return out;
}

/// Nibbles, the even one low.
template <std::size_t kBytes>
void pack_scales(const Encoded& encoded, std::uint8_t (&out)[kBytes]) {
  for (std::size_t i = 0; i < kBytes; ++i)
    out[i] = static_cast<std::uint8_t>(encoded.scale[2 * i] | encoded.scale[2 * i + 1] << 4);
}

/// Four 7-bit sign codes and the scale of 32 values.
std::uint32_t signs_and_scale(const Encoded& encoded, std::size_t b) {
  std::uint32_t word = static_cast<std::uint32_t>(encoded.scale[b]) << 28;
  for (std::size_t l = 0; l < 4; ++l)
    word |= static_cast<std::uint32_t>(encoded.signs[4 * b + l] & 127) << (7 * l);
  return word;
}

}  // namespace

void iq2_xxs(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const Scheme scheme{.book = iq2_xxs_codebook(),
                      .length = 32,
                      .even_signs = true,
                      .zero = search::kTiny,
                      .tries = 6,
                      .step = 0.1F,
                      .begin_with_search = true,
                      .redo_all = true,
                      .sigma_factor = 1,
                      .stored_factor = 1};
  each_block<BlockIQ2_XXS, kSuperBlock>(
      from, to, count, importance, [&](const float* x, BlockIQ2_XXS& block, const float* columns) {
        const Encoded e = encode(scheme, x, columns);
        block.d = e.d;
        for (std::size_t b = 0; b < 8; ++b) {
          for (std::size_t l = 0; l < 4; ++l)
            block.groups[b].grid[l] = static_cast<std::uint8_t>(e.index[4 * b + l]);
          block.groups[b].signs = signs_and_scale(e, b);
        }
      });
}

void iq2_xs(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const Scheme scheme{.book = iq2_xs_codebook(),
                      .length = 16,
                      .even_signs = true,
                      .zero = search::kTiny,
                      .tries = 9,
                      .step = 0.1F,
                      .begin_with_search = false,
                      .redo_all = false,
                      .sigma_factor = 1,
                      .stored_factor = 1};
  each_block<BlockIQ2_XS, kSuperBlock>(
      from, to, count, importance, [&](const float* x, BlockIQ2_XS& block, const float* columns) {
        const Encoded e = encode(scheme, x, columns);
        block.d = e.d;
        for (std::size_t k = 0; k < 32; ++k)
          block.qs[k] = static_cast<std::uint16_t>(e.index[k] | (e.signs[k] & 127) << 9);
        pack_scales(e, block.scales);
      });
}

void iq2_s(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const Scheme scheme{.book = iq2_s_codebook(),
                      .length = 16,
                      .even_signs = false,
                      .zero = 1e-8F,
                      .tries = 9,
                      .step = 0.1F,
                      .begin_with_search = false,
                      .redo_all = false,
                      .sigma_factor = 2,
                      .stored_factor = 0.9875F};
  each_block<BlockIQ2_S, kSuperBlock>(
      from, to, count, importance, [&](const float* x, BlockIQ2_S& block, const float* columns) {
        const Encoded e = encode(scheme, x, columns);
        block.d = e.d;
        for (std::size_t k = 0; k < 32; ++k) {
          block.qs[k] = static_cast<std::uint8_t>(e.index[k]);
          block.qh[k / 4] |= static_cast<std::uint8_t>((e.index[k] >> 8) << 2 * (k % 4));
          block.signs[k] = e.signs[k];
        }
        pack_scales(e, block.scales);
      });
}

void iq3_xxs(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const Scheme scheme{.book = iq3_xxs_codebook(),
                      .length = 32,
                      .even_signs = true,
                      .zero = 1e-8F,
                      .tries = 15,
                      .step = 0.2F,
                      .begin_with_search = false,
                      .redo_all = false,
                      .sigma_factor = 2,
                      .stored_factor = 1.0125F};
  each_block<BlockIQ3_XXS, kSuperBlock>(
      from, to, count, importance, [&](const float* x, BlockIQ3_XXS& block, const float* columns) {
        const Encoded e = encode(scheme, x, columns);
        block.d = e.d;
        for (std::size_t n = 0; n < 64; ++n) block.qs[n] = static_cast<std::uint8_t>(e.index[n]);
        for (std::size_t b = 0; b < 8; ++b) block.signs[b] = signs_and_scale(e, b);
      });
}

void iq3_s(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const Scheme scheme{.book = iq3_s_codebook(),
                      .length = 32,
                      .even_signs = false,
                      .zero = 0,
                      .tries = 9,
                      .step = 0.2F,
                      .begin_with_search = false,
                      .redo_all = true,
                      .sigma_factor = 2,
                      .stored_factor = 1.033F};
  each_block<BlockIQ3_S, kSuperBlock>(
      from, to, count, importance, [&](const float* x, BlockIQ3_S& block, const float* columns) {
        const Encoded e = encode(scheme, x, columns);
        block.d = e.d;
        for (std::size_t n = 0; n < 64; ++n) {
          block.qs[n] = static_cast<std::uint8_t>(e.index[n]);
          block.qh[n / 8] |= static_cast<std::uint8_t>((e.index[n] >> 8) << n % 8);
        }
        std::ranges::copy(e.signs, block.signs);
        pack_scales(e, block.scales);
      });
}

}  // namespace llm::quant::quantize
