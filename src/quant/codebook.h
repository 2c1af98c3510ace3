// The grids seen from a quantiser: which codes are on the grid, and what is near those that are
// not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llm::quant {

/// A code is one level (0 .. levels - 1) per element of a group of `columns`.
class Codebook {
 public:
  /// rows: the codes on the grid, `columns` bytes each, in the order of their indices. Codes off
  /// the grid get as neighbours all rows within the `nearest` smallest distances.
  Codebook(std::vector<std::uint8_t> rows, int columns, int levels, int nearest);

  int columns() const { return columns_; }
  int levels() const { return levels_; }

  /// The row of a code, -1 when it is off the grid.
  int index_of(const std::uint8_t* code) const { return index_[packed(code)]; }
  std::span<const std::uint8_t> row(std::size_t index) const {
    return std::span(rows_).subspan(index * static_cast<std::size_t>(columns_),
                                    static_cast<std::size_t>(columns_));
  }
  /// Rows near a code that is off the grid, by distance, then by index.
  std::span<const std::uint16_t> neighbours(const std::uint8_t* code) const;

 private:
  std::size_t packed(const std::uint8_t* code) const {
    std::size_t out = 0;
    for (int i = columns_ - 1; i >= 0; --i) out = out << bits_ | code[i];
    return out;
  }
  void find_neighbours(const std::array<std::uint8_t, 8>& code, int nearest);

  std::vector<std::uint8_t> rows_;
  int columns_, levels_, bits_;
  std::vector<std::int32_t> index_;        // by packed code
  std::vector<std::uint32_t> list_begin_;  // by packed code, into lists_
  std::vector<std::uint32_t> list_end_;
  std::vector<std::uint16_t> lists_;
};

// Built at the first use (some 10 to 100 ms), then shared by all threads.
const Codebook& iq2_xxs_codebook();
const Codebook& iq2_xs_codebook();
const Codebook& iq2_s_codebook();
const Codebook& iq3_xxs_codebook();
const Codebook& iq3_s_codebook();
const Codebook& iq1_codebook();

}  // namespace llm::quant
