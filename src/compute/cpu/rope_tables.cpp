#include "compute/cpu/rope_tables.h"

#include <algorithm>

#include "compute/rope_angles.h"

namespace llm::compute::cpu {
namespace {

constexpr std::int64_t kGrain = 16;  // positions; some 60 us of sines

/// (c, c) and (-s, s) per pair: a turned pair is x * c + swapped(x) * s.
void spread_adjacent(std::span<const float> cos, std::span<const float> sin, float* out) {
  const std::size_t rotated = 2 * cos.size();
  for (std::size_t i = 0; i < cos.size(); ++i) {
    out[2 * i] = out[2 * i + 1] = cos[i];
    out[rotated + 2 * i] = -sin[i];
    out[rotated + 2 * i + 1] = sin[i];
  }
}

}  // namespace

const float* RopeTables::find_or_make(const Rope& rope, std::span<const std::int32_t> positions,
                                      ThreadPool& threads, int team) {
  std::size_t seen = 0;
  for (Table& table : tables_) {
    if (seen++ == used_) break;
    if (table.rope == rope && std::ranges::equal(table.positions, positions)) {
      return table.values.data();
    }
  }
  if (used_ == tables_.size()) tables_.emplace_back();
  Table& table = *std::next(tables_.begin(), static_cast<std::ptrdiff_t>(used_++));
  table.rope = rope;
  table.positions.assign(positions.begin(), positions.end());
  const auto width = static_cast<std::size_t>(table_width(rope));
  table.values.resize(positions.size() * width);
  const std::vector<double> frequencies = rope_frequencies(rope);
  threads.for_each(
      static_cast<std::int64_t>(positions.size()), kGrain,
      [&](std::int64_t begin, std::int64_t end, int) {
        const std::size_t pairs = frequencies.size();
        std::vector<float> both(2 * pairs);
        const std::span<float> cos(both.data(), pairs), sin(both.data() + pairs, pairs);
        for (std::int64_t t = begin; t < end; ++t) {
          const auto i = static_cast<std::size_t>(t);
          float* out = table.values.data() + i * width;
          rope_angles(rope, frequencies, positions[i], cos, sin);
          if (rope.pairing == Rope::Pairing::adjacent) {
            spread_adjacent(cos, sin, out);
          } else {
            std::ranges::copy(both, out);
          }
        }
      },
      positions.size() <= kGrain ? 1 : team);
  return table.values.data();
}

}  // namespace llm::compute::cpu
