// Quantisers of the types with three levels shifted by delta: IQ1_S, IQ1_M.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "quant/blocks.h"
#include "quant/codebook.h"
#include "quant/half.h"
#include "quant/quantize.h"
#include "quant/search.h"

namespace llm::quant::quantize {
namespace {

using search::nearest;

/// The values of the three levels.
using Levels = std::array<float, 3>;
constexpr Levels kShiftedUp = {-1 + kIq1Delta, kIq1Delta, 1 + kIq1Delta};
constexpr Levels kShiftedDown = {-1 - kIq1Delta, -kIq1Delta, 1 - kIq1Delta};

const Levels& levels_of(bool down) {
  return down ? kShiftedDown : kShiftedUp;
}

/// A group that shares a scale: 32 values with one shift or 16 with a shift for each half.
struct Group {
  int length;
  const float* x;
  float w[32];
  std::uint8_t code[32];  // 0, 1, 2
  bool down[2];           // the shift of each half
  float scale;

  const Levels& levels(int i) const { return levels_of(down[i >= length / 2]); }
};

struct Fit {
  float xq = 0;
  float qq = 0;
};

Fit fit(const Group& group) {
  Fit sums;
  for (int i = 0; i < group.length; ++i) {
    const float q = group.levels(i)[group.code[i]];
    sums.xq += group.w[i] * q * group.x[i];
    sums.qq += group.w[i] * q * q;
  }
  return sums;
}

/// Keeps the best of all splits of the sorted values into low, middle and high.
struct BestSplit {
  float score = 0;
  float scale = 0;
  int first = 0, second = 0;  // where the middle and the high values begin
  bool down[2] = {};

  bool offer(const Fit& sums) {
    if (!(sums.qq > 0 && sums.xq * sums.xq > score * sums.qq)) return false;
    scale = sums.xq / sums.qq;
    score = scale * sums.xq;
    return true;
  }
};

/// One shift for the whole group: sums of the three parts come from prefix sums.
BestSplit split_with_one_shift(const Group& group, const std::array<int, 32>& order) {
  std::array<float, 33> sum_x{}, sum_w{};
  const auto n = static_cast<std::size_t>(group.length);
  for (std::size_t j = 0; j < n; ++j) {
    const auto i = order[j];
    sum_x[j + 1] = sum_x[j] + group.w[i] * group.x[i];
    sum_w[j + 1] = sum_w[j] + group.w[i];
  }
  BestSplit best;
  for (std::size_t first = 0; first <= n; ++first) {
    for (std::size_t second = first; second <= n; ++second) {
      for (const bool down : {false, true}) {
        const Levels& q = levels_of(down);
        Fit sums;
        sums.xq = (sum_x[first] - sum_x[0]) * q[0] + (sum_x[second] - sum_x[first]) * q[1] +
                  (sum_x[n] - sum_x[second]) * q[2];
        sums.qq = (sum_w[first] - sum_w[0]) * q[0] * q[0] +
                  (sum_w[second] - sum_w[first]) * q[1] * q[1] +
                  (sum_w[n] - sum_w[second]) * q[2] * q[2];
        if (best.offer(sums)) {
          best.first = static_cast<int>(first);
          best.second = static_cast<int>(second);
          best.down[0] = best.down[1] = down;
        }
      }
    }
  }
  return best;
}

/// A shift for each half: all four combinations.
BestSplit split_with_two_shifts(const Group& group, const std::array<int, 32>& order) {
  BestSplit best;
  for (int first = 0; first <= group.length; ++first) {
    for (int second = first; second <= group.length; ++second) {
      Fit sums[4];
      for (int j = 0; j < group.length; ++j) {
        const int i = order[static_cast<std::size_t>(j)];
        const std::size_t level = j < first ? 0 : j < second ? 1 : 2;
        for (int k = 0; k < 4; ++k) {
          const bool down = i < group.length / 2 ? k >= 2 : k % 2 == 1;
          const float q = levels_of(down)[level];
          sums[k].xq += group.w[i] * q * group.x[i];
          sums[k].qq += group.w[i] * q * q;
        }
      }
      for (int k = 0; k < 4; ++k) {
        if (!best.offer(sums[k])) continue;
        best.first = first;
        best.second = second;
        best.down[0] = k >= 2;
        best.down[1] = k % 2 == 1;
      }
    }
  }
  return best;
}

/// Replaces 8 codes off the grid by the neighbour with the smallest weighted error.
void move_to_neighbour(const Codebook& book, Group& group, int at) {
  const Levels& q = group.levels(at);
  float smallest = 0;
  int best = -1;
  for (const std::uint16_t index : book.neighbours(group.code + at)) {
    const auto row = book.row(index);
    float error = 0;
    for (int i = 0; i < 8; ++i) {
      const float e = group.scale * q[row[static_cast<std::size_t>(i)]] - group.x[at + i];
      error += group.w[at + i] * e * e;
    }
    if (best < 0 || error < smallest) {
      smallest = error;
      best = index;
    }
  }
  std::ranges::copy(book.row(static_cast<std::size_t>(best)), group.code + at);
}

void search_group(Group& group, float zero, bool two_shifts) {
  std::fill_n(group.code, 32, std::uint8_t{1});
  group.down[0] = group.down[1] = false;
  group.scale = 0;
  if (search::largest_magnitude(group.x, group.length) < zero) return;
  std::array<int, 32> order{};
  std::iota(order.begin(), order.begin() + group.length, 0);
  std::stable_sort(order.begin(), order.begin() + group.length,
                   [&](int a, int b) { return group.x[a] < group.x[b]; });
  const BestSplit best =
      two_shifts ? split_with_two_shifts(group, order) : split_with_one_shift(group, order);
  const bool mirrored = best.scale < 0;
  group.scale = std::fabs(best.scale);
  for (int half = 0; half < 2; ++half) group.down[half] = best.down[half] != mirrored;
  for (int j = 0; j < group.length; ++j) {
    const int level = j < best.first ? 0 : j < best.second ? 1 : 2;
    group.code[order[static_cast<std::size_t>(j)]] =
        static_cast<std::uint8_t>(mirrored ? 2 - level : level);
  }
  const Codebook& book = iq1_codebook();
  bool moved = false;
  for (int at = 0; at < group.length; at += 8) {
    if (book.index_of(group.code + at) >= 0) continue;
    move_to_neighbour(book, group, at);
    moved = true;
  }
  if (!moved) return;
  const Fit sums = fit(group);
  if (sums.xq > 0 && sums.qq > 0) group.scale = sums.xq / sums.qq;
}

void set_weights(Group& group, const float* importance, float sigma2) {
  for (int i = 0; i < group.length; ++i) {
    const float square = group.x[i] * group.x[i];
    group.w[i] = importance ? importance[i] * std::sqrt(sigma2 + square) : square;
  }
}

float twice_mean_square(const float* x) {
  float sum = 0;
  for (int i = 0; i < kSuperBlock; ++i) sum += x[i] * x[i];
  return 2 * sum / kSuperBlock;
}

/// Searches all groups of a super-block; returns the largest scale.
template <std::size_t kGroups>
float search_groups(const float* x, const float* importance, float zero,
                    std::array<Group, kGroups>& groups) {
  const float sigma2 = twice_mean_square(x);
  float largest = 0;
  for (std::size_t g = 0; g < kGroups; ++g) {
    constexpr int kLength = kSuperBlock / static_cast<int>(kGroups);
    Group& group = groups[g];
    group.length = kLength;
    group.x = x + static_cast<int>(g) * kLength;
    set_weights(group, importance ? importance + static_cast<int>(g) * kLength : nullptr, sigma2);
    search_group(group, zero, kLength == 16);
    largest = std::max(largest, group.scale);
  }
  return largest;
}

int scale_code(float f, float scale) {
  return std::clamp(nearest(0.5F * (f * scale - 1)), 0, 7);
}

unsigned index_of(const Group& group, int at) {
  return static_cast<unsigned>(iq1_codebook().index_of(group.code + at));
}

void encode_iq1_s(const float* x, BlockIQ1_S& block, const float* importance) {
  std::array<Group, 8> groups;
  const float largest = search_groups(x, importance, 1e-12F, groups);
  if (!(largest > 0)) return;
  const float d = largest / 15;
  block.d = float_to_half(d * 1.125F);
  for (std::size_t b = 0; b < 8; ++b) {
    unsigned high = static_cast<unsigned>(scale_code(1 / d, groups[b].scale)) << 12;
    if (groups[b].down[0]) high |= 0x8000;
    for (int l = 0; l < 4; ++l) {
      const unsigned index = index_of(groups[b], 8 * l);
      block.qs[4 * b + static_cast<std::size_t>(l)] = static_cast<std::uint8_t>(index);
      high |= (index >> 8) << 3 * l;
    }
    block.qh[b] = static_cast<std::uint16_t>(high);
  }
}

void encode_iq1_m(const float* x, BlockIQ1_M& block, const float* importance) {
  std::array<Group, 16> groups;
  const float largest = search_groups(x, importance, 1e-7F, groups);
  if (!(largest > 0)) return;
  float d = largest / 15;
  Fit sums;
  for (std::size_t n = 0; n < 16; ++n) {
    const Group& group = groups[n];
    const int code = scale_code(1 / d, group.scale);
    block.scales[n / 4] = static_cast<std::uint16_t>(block.scales[n / 4] | code << 3 * (n % 4));
    for (int half = 0; half < 2; ++half) {
      const unsigned index = index_of(group, 8 * half);
      const std::size_t k = 2 * n + static_cast<std::size_t>(half);
      block.qs[k] = static_cast<std::uint8_t>(index);
      const unsigned nibble = index >> 8 | (group.down[half] ? 8 : 0);
      block.qh[n] |= static_cast<std::uint8_t>(nibble << 4 * half);
    }
    for (int i = 0; i < 16; ++i) {
      const float q = group.levels(i)[group.code[i]] * static_cast<float>(2 * code + 1);
      sums.xq += group.w[i] * q * group.x[i];
      sums.qq += group.w[i] * q * q;
    }
  }
  if (sums.qq > 0) d = sums.xq / sums.qq;
  const unsigned half = float_to_half(d * 1.1125F);
  for (int i = 0; i < 4; ++i)
    block.scales[i] = static_cast<std::uint16_t>(block.scales[i] | (half >> 4 * i & 15) << 12);
}

}  // namespace

void iq1_s(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  each_block<BlockIQ1_S, kSuperBlock>(from, to, count, importance, encode_iq1_s);
}

void iq1_m(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  each_block<BlockIQ1_M, kSuperBlock>(from, to, count, importance, encode_iq1_m);
}

}  // namespace llm::quant::quantize
