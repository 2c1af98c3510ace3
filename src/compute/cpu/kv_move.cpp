// Keys and values that change their positions: the part of PagedCache behind Device::move_kv.
#include <algorithm>
#include <cstring>
#include <vector>

#include "compute/cpu/paged_cache.h"
#include "compute/hadamard.h"

namespace llm::compute::cpu {
namespace {

constexpr int kMaxDim = 4096;  // of a head, padded

/// The part of a move that ends in one page.
struct Piece {
  int from, to, count;
};

template <class F>
void each_piece(const KvMove& move, F&& work) {
  for (int done = 0; done < move.count;) {
    const int to = move.to + done;
    const int count = std::min(kPageTokens - to % kPageTokens, move.count - done);
    work(Piece{move.from + done, to, count});
    done += count;
  }
}

std::size_t page_of(int position) {
  return static_cast<std::size_t>(position / kPageTokens);
}

}  // namespace

void PagedCache::move_head(const VectorKernels& kernels, int layer, int kv_head, const KvMove& move,
                           const Turn* turn) const {
  const KvLayout::Layer& geometry = layout_.layers[static_cast<std::size_t>(layer)];
  const quant::Type type = layout_.key_type;
  const int dim = geometry.key_dim, padded = padded_dim(type, dim);
  const std::int64_t value_bytes =
      quant::row_bytes(layout_.value_type, padded_dim(layout_.value_type, geometry.value_dim));
  const bool is_rotated = stored_rotated(type, dim);
  const bool is_plain = quant::traits(type).block_length == 1;
  const auto keys_of = [&](std::span<const PageId> pages, int position) {
    return head(layer, kv_head) + static_cast<std::int64_t>(pages[page_of(position)]) * page_bytes_;
  };
  thread_local std::vector<float> rows;
  rows.resize(static_cast<std::size_t>(padded) * kPageTokens);
  std::byte row[kMaxDim * sizeof(float)];
  each_piece(move, [&](const Piece& piece) {
    std::byte* to = keys_of(move.to_pages, piece.to);
    const int first = piece.to % kPageTokens;
    for (int i = 0; i < piece.count; ++i) {
      const int from = piece.from + i;
      const std::byte* page = keys_of(move.from_pages, from);
      read_key_row(type, page, from % kPageTokens, dim, row);
      std::memmove(to + value_offset(layer) + (first + i) * value_bytes,
                   page + value_offset(layer) + (from % kPageTokens) * value_bytes,
                   static_cast<std::size_t>(value_bytes));
      if (turn == nullptr) {
        write_key_row(type, row, dim, to, first + i);
        continue;
      }
      float* x = rows.data() + i * padded;
      quant::traits(type).dequantize(row, x, is_plain ? dim : padded);
      if (is_rotated) rotate(x, dim);
      turn->kernel(x, turn->table, turn->rotated);
    }
    if (turn == nullptr) return;
    store_keys(
        kernels, type, is_rotated,
        {.x = rows.data(), .stride = padded, .dim = dim, .first = first, .count = piece.count}, to);
  });
}

void PagedCache::move(const VectorKernels& kernels, ThreadPool& threads, int team, int layer,
                      std::span<const KvMove> moves, std::span<const Turn> turns) {
  // Moves depend on each other, heads do not.
  const auto heads = layout_.layers[static_cast<std::size_t>(layer)].kv_heads;
  threads.for_each(
      heads, 1,
      [&](std::int64_t begin, std::int64_t end, int) {
        for (auto h = static_cast<int>(begin); h < end; ++h) {
          for (std::size_t i = 0; i < moves.size(); ++i) {
            const bool turns_keys = !turns.empty() && moves[i].to != moves[i].from;
            move_head(kernels, layer, h, moves[i], turns_keys ? &turns[i] : nullptr);
          }
        }
      },
      team);
}

}  // namespace llm::compute::cpu
