#include "compute/cpu/linear_work.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace llm::compute::cpu {
namespace {

constexpr int kMaxTile = 8;                             // of Kernels::tile
constexpr int kGroupRows = kMaxPanelWidth * kMaxLanes;  // rows that share one accumulator block

constexpr std::int64_t kCacheLine = 64;

void prefetch(const std::byte* from, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(from + i, 0, 2);
}

}  // namespace

PieceWorker::PieceWorker() {
  panel_q_.reserve(kChunk * kGroupRows);
  panel_scale_.reserve(kChunk / 16 * kGroupRows * sizeof(float));
  panel_offset_.reserve(kChunk / 16 * kGroupRows * sizeof(float));
  acc_.reserve(kSlabSlots * kGroupRows * sizeof(float));
  static_assert(kBf16SlabTiles * kBf16Rows * kBf16Tile <= kSlabSlots * kGroupRows);
  floats_.reserve(kBf16Rows * kChunk * sizeof(std::uint16_t));
  static_assert(kBf16Rows * sizeof(std::uint16_t) >= kFloatGroupRows * sizeof(float));
}

void PieceWorker::work(const Kernels& kernels, const Batch& batch, const Piece& piece,
                       const std::byte* after) {
  assert(kernels.tile <= kMaxTile);
  kernels_ = &kernels;
  batch_ = &batch;
  job_ = &batch.jobs[piece.job];
  tiles_ = batch.tiles_of(piece);
  first_row_ = piece.first_row;
  end_row_ = piece.first_row + piece.row_count;
  multiply(after);
  if (kernels.bf16 && kernels.bf16->leave) kernels.bf16->leave();
}

void PieceWorker::multiply(const std::byte* after) {
  if (job_->form == Form::bf16) return bf16(after);
  if (job_->form != Form::quantised) return floating(after);
  const int tokens = tiles_[0].count;
  const bool few = tiles_.size() == 1 && tokens <= kDirectTokens && job_->quant->direct[tokens - 1];
  few ? direct(after) : quantised(after);
}

/// `rows` rows at `from`, copied and followed by zeros until they fill a vector.
const std::byte* PieceWorker::fill_up(const std::byte* from, int rows, int lanes) {
  last_rows_.reserve(lanes * job_->row_bytes);
  auto* copy = last_rows_.as<std::byte>();
  std::memcpy(copy, from, rows * job_->row_bytes);
  std::memset(copy + rows * job_->row_bytes, 0, (lanes - rows) * job_->row_bytes);
  return copy;
}

/// acc [slots][pitch] -> out, plus the bias.
void PieceWorker::write(const float* acc, int pitch, std::int64_t row, int rows) const {
  const Job& job = *job_;
  for (std::int64_t slot = 0; slot < slot_count(tiles_); ++slot) {
    float* out = job.out + (tiles_[0].first_slot - job.first_slot + slot) * job.out_stride + row;
    const float* from = acc + slot * pitch;
    if (!job.bias) {
      std::memcpy(out, from, rows * sizeof(float));
      continue;
    }
    for (int r = 0; r < rows; ++r) out[r] = from[r] + job.bias[row + r];
  }
}

// ---- Quantised weights

void PieceWorker::unpack_chunk(const std::byte* rows, std::int64_t column, int columns,
                               PanelSlice to, const std::byte* ahead) {
  const std::int64_t skip = job_->row_bytes * column / batch_->columns;
  // What is asked for ahead lies in a row behind the other, the way memory likes it; the bytes read
  // meanwhile are one chunk of each row.
  job_->quant->unpack(rows + skip, job_->row_bytes, columns, to,
                      ahead ? ahead + kernels_->lanes * skip : nullptr);
}

void PieceWorker::quantised(const std::byte* after) {
  const int lanes = kernels_->lanes;
  const Scheme& scheme = job_->quant->scheme;
  float* acc = acc_.as<float>();
  for (std::int64_t row = first_row_; row < end_row_; row += kMaxPanelWidth * lanes) {
    const int rows =
        static_cast<int>(std::min<std::int64_t>(end_row_ - row, kMaxPanelWidth * lanes));
    const int width = static_cast<int>(ceil_div(rows, lanes));
    const int pitch = width * lanes;
    std::array<const std::byte*, kMaxPanelWidth> from{}, ahead{};
    for (int v = 0; v < width; ++v) {
      from[v] = job_->weights + (row + v * lanes) * job_->row_bytes;
      const std::int64_t next = row + (width + v) * lanes;
      if (next < end_row_) ahead[v] = job_->weights + next * job_->row_bytes;
      if (next >= end_row_ && after) ahead[v] = after + v * lanes * job_->row_bytes;
    }
    if (const int rest = rows % lanes; rest != 0) {
      from[width - 1] = fill_up(from[width - 1], rest, lanes);
    }
    auto* q = panel_q_.as<std::uint8_t>();
    MultiplyArguments arguments{
        .q = q, .scale = panel_scale_.as<float>(), .offset = panel_offset_.as<float>()};
    for (std::int64_t column = 0; column < batch_->columns; column += kChunk) {
      const int columns =
          static_cast<int>(std::min<std::int64_t>(kChunk, batch_->columns - column));
      for (int v = 0; v < width; ++v) {
        const PanelSlice slice{q + 4 * v * lanes, panel_scale_.as<float>() + v * lanes,
                               panel_offset_.as<float>() + v * lanes, pitch};
        unpack_chunk(from[v], column, columns, slice, ahead[v]);
      }
      arguments.blocks = columns / kBlock;
      arguments.first = column == 0;
      for (const TokenTile& tile : tiles_) {
        batch_->tokens.view(tile, scheme, column, arguments);
        arguments.acc = acc + (tile.first_slot - tiles_[0].first_slot) * pitch;
        job_->quant->multiply[tile.count - 1][width - 1](arguments);
      }
    }
    write(acc, pitch, row, rows);
  }
}

void PieceWorker::direct(const std::byte* after) {
  const int lanes = kernels_->lanes;
  const TokenTile tile = tiles_[0];
  MultiplyArguments arguments{.acc = acc_.as<float>()};
  batch_->tokens.view(tile, job_->quant->scheme, 0, arguments);
  for (std::int64_t row = first_row_; row < end_row_; row += lanes) {
    const int rows = static_cast<int>(std::min<std::int64_t>(end_row_ - row, lanes));
    const std::byte* from = job_->weights + row * job_->row_bytes;
    const std::byte* ahead = row + lanes < end_row_ ? from + lanes * job_->row_bytes : after;
    if (rows < lanes) from = fill_up(from, rows, lanes);
    job_->quant->direct[tile.count - 1](from, job_->row_bytes, static_cast<int>(batch_->columns),
                                        arguments, ahead);
    write(arguments.acc, lanes, row, rows);
  }
}

// ---- F32, F16 and BF16 weights

/// Some columns of some rows as f32, in place where they are that already. Meanwhile asks for as
/// many bytes of what comes next.
const float* PieceWorker::float_chunk(const std::byte* from, const std::byte* ahead, int rows,
                                      std::int64_t column, int columns) {
  const std::int64_t size = job_->row_bytes / batch_->columns;
  const std::int64_t bytes = columns * size;
  if (ahead) ahead += rows * column * size;
  float* to = floats_.as<float>();
  for (int r = 0; r < rows; ++r) {
    if (ahead) prefetch(ahead + r * bytes, bytes);
    const std::byte* source = from + r * job_->row_bytes + column * size;
    if (job_->form == Form::f16) kernels_->expand_f16(source, to + r * kChunk, columns);
    if (job_->form == Form::expanded_bf16) kernels_->expand_bf16(source, to + r * kChunk, columns);
  }
  return job_->form == Form::f32 ? reinterpret_cast<const float*>(from) + column : to;
}

void PieceWorker::floating(const std::byte* after) {
  const std::int64_t slots = slot_count(tiles_);
  float* acc = acc_.as<float>();
  for (std::int64_t row = first_row_; row < end_row_; row += kFloatGroupRows) {
    const int rows = static_cast<int>(std::min<std::int64_t>(end_row_ - row, kFloatGroupRows));
    const std::byte* from = job_->weights + row * job_->row_bytes;
    const std::byte* ahead = row + rows < end_row_ ? from + rows * job_->row_bytes : after;
    for (std::int64_t column = 0; column < batch_->columns; column += kChunk) {
      const int columns =
          static_cast<int>(std::min<std::int64_t>(kChunk, batch_->columns - column));
      const float* weights = float_chunk(from, ahead, rows, column, columns);
      const std::int64_t stride = job_->form == Form::f32 ? batch_->columns : kChunk;
      for (std::int64_t slot = 0; slot < slots; slot += kernels_->tile) {
        const auto count = static_cast<int>(std::min<std::int64_t>(kernels_->tile, slots - slot));
        std::array<const float*, kMaxTile> x;
        for (int t = 0; t < count; ++t) {
          x[t] = batch_->slots[tiles_[0].first_slot + slot + t] + column;
        }
        float* tile_acc = acc + slot * kFloatGroupRows;
        for (int r = 0; r < rows;) {
          const bool wide = r + kFloatRows <= rows;
          kernels_->multiply_float[count - 1][wide]({.weights = weights + r * stride,
                                                     .stride = stride,
                                                     .x = x.data(),
                                                     .columns = columns,
                                                     .first = column == 0,
                                                     .acc = tile_acc + r,
                                                     .acc_pitch = kFloatGroupRows});
          r += wide ? kFloatRows : 1;
        }
      }
    }
    write(acc, kFloatGroupRows, row, rows);
  }
}

// ---- BF16 weights as they are

/// Some columns of some rows, where they are if that will do; rows and columns that are not there
/// are zeros.
void PieceWorker::bf16_chunk(const std::byte* from, const std::byte* ahead, Bf16Arguments& to) {
  constexpr std::int64_t kSize = sizeof(std::uint16_t);
  const auto columns =
      static_cast<int>(std::min<std::int64_t>(kChunk, batch_->columns - to.column));
  to.columns = static_cast<int>(ceil_div(columns, kBlock)) * kBlock;
  from += to.column * kSize;
  if (ahead) ahead += to.rows * to.column * kSize;
  to.ahead = nullptr;
  if (tiles_.size() == 1 && columns == to.columns && to.rows == kBf16Rows) {
    to.weights = reinterpret_cast<const std::uint16_t*>(from);
    to.stride = batch_->columns;
    to.ahead = ahead;
    return;
  }
  auto* row = floats_.as<std::uint16_t>();
  to.weights = row;
  to.stride = kChunk;
  for (int r = 0; r < to.rows; ++r, row += kChunk) {
    if (ahead) prefetch(ahead + r * columns * kSize, columns * kSize);
    std::memcpy(row, from + r * job_->row_bytes, columns * kSize);
    std::fill(row + columns, row + to.columns, std::uint16_t{0});
  }
  std::fill(row, floats_.as<std::uint16_t>() + kBf16Rows * kChunk, std::uint16_t{0});
}

void PieceWorker::bf16(const std::byte* after) {
  const Job& job = *job_;
  for (std::int64_t row = first_row_; row < end_row_; row += kBf16Rows) {
    Bf16Arguments arguments{
        .rows = static_cast<int>(std::min<std::int64_t>(end_row_ - row, kBf16Rows))};
    const std::byte* from = job.weights + row * job.row_bytes;
    const std::int64_t next = row + arguments.rows;
    const std::byte* ahead = next < end_row_ ? job.weights + next * job.row_bytes : after;
    for (std::int64_t column = 0; column < batch_->columns; column += kChunk) {
      arguments.column = column;
      arguments.first = column == 0;
      arguments.acc = acc_.as<float>();
      bf16_chunk(from, ahead, arguments);
      for (const TokenTile& tile : tiles_) {
        batch_->tokens.view_bf16(tile, arguments);
        kernels_->bf16->multiply(arguments);
        arguments.acc += kBf16Rows * kBf16Tile;
      }
    }
    const float* acc = acc_.as<float>();
    for (const TokenTile& tile : tiles_) {
      for (int t = 0; t < tile.count; ++t) {
        float* out = job.out + (tile.first_slot - job.first_slot + t) * job.out_stride + row;
        for (int r = 0; r < arguments.rows; ++r) {
          out[r] = acc[r * kBf16Tile + t] + (job.bias ? job.bias[row + r] : 0.0f);
        }
      }
      acc += kBf16Rows * kBf16Tile;
    }
  }
}

}  // namespace llm::compute::cpu
