// What one thread does of a product: pieces, which are some weight rows times some tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/cpu/aligned_buffer.h"
#include "compute/cpu/kernels.h"
#include "compute/cpu/packed_tokens.h"

namespace llm::compute::cpu {

// Tokens that share one expansion of the weights; their packed columns should stay in the second
// level cache while all row groups pass by.
constexpr int kSlabSlots = 512;

constexpr int kBf16SlabTiles = 32;  // the same of BF16 weights, whose sums take more room

constexpr int kMaxLanes = 16;
constexpr int kFloatGroupRows = 8;

/// How weights are multiplied. Those of the last form stay bf16, others of that type are expanded.
enum class Form { quantised, f32, f16, expanded_bf16, bf16 };

/// One product with one matrix, whatever call it came from.
struct Job {
  const std::byte* weights;  // of one expert
  std::int64_t row_bytes;
  std::int64_t rows;
  Form form;
  const QuantKernels* quant;  // when quantised
  const float* bias;          // [rows] or null
  float* out;                 // [slots, rows], from first_slot on
  std::int64_t out_stride;
  std::int32_t first_slot;
  std::int32_t first_tile, tile_count;
};

/// What a thread takes at a time: some rows times some tiles.
struct Piece {
  std::int32_t job;
  std::int32_t first_tile, tile_count;
  std::int64_t first_row, row_count;
};

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// The slots from the first tile's first to the last tile's last.
inline std::int64_t slot_count(std::span<const TokenTile> tiles) {
  if (tiles.empty()) return 0;
  return tiles.back().first_slot + tiles.back().count - tiles[0].first_slot;
}

/// What all pieces of a call share. While threads work, they only read it.
struct Batch {
  std::int64_t columns = 0;
  std::vector<const float*> slots;  // the activations of each slot
  PackedTokens tokens;              // the same, packed
  std::vector<TokenTile> tiles;
  std::vector<Job> jobs;

  std::span<const TokenTile> tiles_of(const Piece& piece) const {
    return std::span(tiles).subspan(piece.first_tile, piece.tile_count);
  }
  const std::byte* first_byte(const Piece& piece) const {
    const Job& job = jobs[piece.job];
    return job.weights + piece.first_row * job.row_bytes;
  }
};

/// A thread's working memory, and what it does with it.
class PieceWorker {
 public:
  PieceWorker();

  /// Writes the piece's rows of all its tokens. `after`: where the next piece begins, or null.
  void work(const Kernels& kernels, const Batch& batch, const Piece& piece, const std::byte* after);

 private:
  void multiply(const std::byte* after);
  void quantised(const std::byte* after);
  void direct(const std::byte* after);
  void floating(const std::byte* after);
  void bf16(const std::byte* after);
  void unpack_chunk(const std::byte* rows, std::int64_t column, int columns, PanelSlice to,
                    const std::byte* ahead);
  const float* float_chunk(const std::byte* from, const std::byte* ahead, int rows,
                           std::int64_t column, int columns);
  void bf16_chunk(const std::byte* from, const std::byte* ahead, Bf16Arguments& arguments);
  const std::byte* fill_up(const std::byte* from, int rows, int lanes);
  void write(const float* acc, int pitch, std::int64_t row, int rows) const;

  // The piece at hand.
  const Kernels* kernels_ = nullptr;
  const Batch* batch_ = nullptr;
  const Job* job_ = nullptr;
  std::span<const TokenTile> tiles_;
  std::int64_t first_row_ = 0, end_row_ = 0;

  AlignedBuffer panel_q_;       // [kChunk / 4][panel rows][4]
  AlignedBuffer panel_scale_;   // [kChunk / 16][panel rows]
  AlignedBuffer panel_offset_;  // the same
  AlignedBuffer acc_;           // [slots of a slab][rows of a group]
  AlignedBuffer last_rows_;     // the rows that do not fill a vector, and zeros
  AlignedBuffer floats_;        // [kFloatGroupRows][kChunk], or bf16 [kBf16Rows][kChunk]
};

}  // namespace llm::compute::cpu
