#include "quant/codebook.h"

#include <algorithm>

#include "quant/tables.h"

namespace llm::quant {
namespace {

/// The codes of a grid whose words hold one magnitude per byte.
template <class Grid, class LevelOf>
std::vector<std::uint8_t> codes_of(const Grid& grid, LevelOf level_of) {
  constexpr int kColumns = sizeof(grid[0]);
  std::vector<std::uint8_t> codes;
  codes.reserve(grid.size() * kColumns);
  for (const auto word : grid)
    for (int column = 0; column < kColumns; ++column)
      codes.push_back(level_of(static_cast<std::uint8_t>(word >> (8 * column))));
  return codes;
}

std::uint8_t level_of_iq2(std::uint8_t magnitude) {
  return magnitude / 18;
}  // 8, 25, 43
std::uint8_t level_of_iq3_xxs(std::uint8_t magnitude) {
  return magnitude / 8;
}  // 4, 12 .. 62
std::uint8_t level_of_iq3_s(std::uint8_t magnitude) {
  return magnitude / 2;
}  // 1, 3 .. 15
std::uint8_t level_of_iq1(std::uint8_t value) {
  return static_cast<std::uint8_t>(value + 1);
}

}  // namespace

Codebook::Codebook(std::vector<std::uint8_t> rows, int columns, int levels, int nearest)
    : rows_(std::move(rows)), columns_(columns), levels_(levels), bits_(levels <= 4 ? 2 : 3) {
  const std::size_t codes = std::size_t{1} << (bits_ * columns_);
  index_.assign(codes, -1);
  list_begin_.assign(codes, 0);
  list_end_.assign(codes, 0);
  const std::size_t count = rows_.size() / static_cast<std::size_t>(columns_);
  for (std::size_t i = 0; i < count; ++i)
    index_[packed(row(i).data())] = static_cast<std::int32_t>(i);
  std::array<std::uint8_t, 8> code{};
  for (bool more = true; more;) {
    if (index_of(code.data()) < 0) find_neighbours(code, nearest);
    more = false;  // counts up in base `levels`
    for (int i = 0; i < columns_ && !more; ++i) {
      more = ++code[static_cast<std::size_t>(i)] < levels_;
      if (!more) code[static_cast<std::size_t>(i)] = 0;
    }
  }
}

void Codebook::find_neighbours(const std::array<std::uint8_t, 8>& code, int nearest) {
  const std::size_t count = rows_.size() / static_cast<std::size_t>(columns_);
  const auto distance = [&](std::size_t index) {
    const std::uint8_t* at = &rows_[index * static_cast<std::size_t>(columns_)];
    int sum = 0;
    for (int i = 0; i < columns_; ++i) {
      const int difference = at[i] - code[static_cast<std::size_t>(i)];
      sum += difference * difference;
    }
    return sum;
  };
  // Rows by distance; distances are small, so that counting sorts.
  constexpr int kFar = 8 * 7 * 7 + 1;
  static thread_local std::array<std::vector<std::uint16_t>, kFar> by_distance;
  int farthest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int d = distance(i);
    by_distance[static_cast<std::size_t>(d)].push_back(static_cast<std::uint16_t>(i));
    farthest = std::max(farthest, d);
  }
  const std::size_t place = packed(code.data());
  list_begin_[place] = static_cast<std::uint32_t>(lists_.size());
  for (int d = 0, taken = 0; d <= farthest; ++d) {
    auto& bucket = by_distance[static_cast<std::size_t>(d)];
    if (!bucket.empty() && taken < nearest) {
      lists_.insert(lists_.end(), bucket.begin(), bucket.end());
      ++taken;
    }
    bucket.clear();
  }
  list_end_[place] = static_cast<std::uint32_t>(lists_.size());
}

std::span<const std::uint16_t> Codebook::neighbours(const std::uint8_t* code) const {
  const std::size_t place = packed(code);
  return std::span(lists_).subspan(list_begin_[place], list_end_[place] - list_begin_[place]);
}

const Codebook& iq2_xxs_codebook() {
  static const Codebook book(codes_of(kIq2XxsGrid, level_of_iq2), 8, 3, 2);
  return book;
}

const Codebook& iq2_xs_codebook() {
  static const Codebook book(codes_of(kIq2XsGrid, level_of_iq2), 8, 3, 2);
  return book;
}

const Codebook& iq2_s_codebook() {
  static const Codebook book(codes_of(kIq2SGrid, level_of_iq2), 8, 3, 1);
  return book;
}

const Codebook& iq3_xxs_codebook() {
  static const Codebook book(codes_of(kIq3XxsGrid, level_of_iq3_xxs), 4, 8, 2);
  return book;
}

const Codebook& iq3_s_codebook() {
  static const Codebook book(codes_of(kIq3SGrid, level_of_iq3_s), 4, 8, 3);
  return book;
}

const Codebook& iq1_codebook() {
  static const Codebook book(codes_of(kIq1Grid, level_of_iq1), 8, 3, 3);
  return book;
}

}  // namespace llm::quant
