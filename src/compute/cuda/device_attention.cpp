// The paged cache, and attention over it.
#include <algorithm>
#include <vector>

#include "compute/cuda/device.h"
#include "compute/cuda/kernels/attention.h"
#include "compute/cuda/kv_pool.h"
#include "compute/rope_angles.h"

namespace llm::compute::cuda {
namespace {

CachePlace place_of(std::span<const PageId> pages, int position) {
  return {
      .page = static_cast<std::int32_t>(pages[static_cast<std::size_t>(position / kPageTokens)]),
      .slot = position % kPageTokens};
}

std::vector<CachePlace> places_of(std::span<const SequenceSlice> sequences, std::int64_t tokens) {
  std::vector<CachePlace> places(static_cast<std::size_t>(tokens));
  for (const SequenceSlice& slice : sequences) {
    for (int i = 0; i < slice.token_count; ++i) {
      places[static_cast<std::size_t>(slice.first_token + i)] =
          place_of(slice.pages, slice.first_position + i);
    }
  }
  return places;
}

/// What the kernels are told of a batch.
struct Batch {
  std::vector<AttentionSequence> sequences;
  std::vector<std::int32_t> pages, sequence_of;
  int most_chunks = 1;
};

/// `stored`: positions that a sequence has in the cache.
Batch batch_of(std::span<const SequenceSlice> slices, std::int64_t tokens) {
  Batch batch;
  batch.sequence_of.resize(static_cast<std::size_t>(tokens));
  for (const SequenceSlice& slice : slices) {
    const int stored = slice.first_position + slice.token_count;
    const int used_pages = (stored + kPageTokens - 1) / kPageTokens;
    for (int i = 0; i < slice.token_count; ++i) {
      batch.sequence_of[static_cast<std::size_t>(slice.first_token + i)] =
          static_cast<std::int32_t>(batch.sequences.size());
    }
    batch.sequences.push_back({.first_token = slice.first_token,
                               .token_count = slice.token_count,
                               .first_position = slice.first_position,
                               .stored = stored,
                               .first_page = static_cast<std::int32_t>(batch.pages.size())});
    for (int p = 0; p < used_pages; ++p) {
      batch.pages.push_back(static_cast<std::int32_t>(slice.pages[static_cast<std::size_t>(p)]));
    }
    batch.most_chunks = std::max(batch.most_chunks, (used_pages + kChunkPages - 1) / kChunkPages);
  }
  return batch;
}

/// The pages that a tile's rows see, as chunks [first, last].
std::pair<int, int> chunks_of(const AttentionShape& shape, const AttentionSequence& sequence,
                              int first_token, int last_token) {
  constexpr int kChunkTokens = kChunkPages * kPageTokens;
  const int reach = shape.window / 2, behind = shape.causal ? shape.window - 1 : reach;
  const int first = sequence.first_position + first_token,
            last = sequence.first_position + last_token;
  const int from = shape.window > 0 ? std::max(0, first - behind) : 0;
  int to = shape.causal ? last : sequence.stored - 1;
  if (!shape.causal && shape.window > 0) to = std::min(to, last + reach);
  return {from / kChunkTokens, to / kChunkTokens};
}

std::vector<AttentionTile> tiles_of(const Batch& batch, const AttentionShape& shape,
                                    bool by_chunk) {
  std::vector<AttentionTile> tiles;
  const int group = shape.heads / shape.kv_heads;
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    const AttentionSequence& sequence = batch.sequences[s];
    const int rows = sequence.token_count * group;
    for (int row = 0; row < rows; row += kTileRows) {
      const int last_row = std::min(row + kTileRows, rows) - 1;
      const auto [from, to] = chunks_of(shape, sequence, row / group, last_row / group);
      for (int head = 0; head < shape.kv_heads; ++head) {
        for (int chunk = by_chunk ? from : -1; chunk <= (by_chunk ? to : -1); ++chunk) {
          tiles.push_back({.sequence = static_cast<std::int32_t>(s),
                           .kv_head = head,
                           .first_row = row,
                           .chunk = chunk});
        }
      }
    }
  }
  return tiles;
}

}  // namespace

std::unique_ptr<KvPool> CudaDevice::make_kv_pool(const KvLayout& layout, int page_count) {
  return std::make_unique<CudaKvPool>(queue_, layout, page_count);
}

void CudaDevice::store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                          std::span<const SequenceSlice> sequences) {
  if (k.rows == 0) return;
  auto& own = static_cast<CudaKvPool&>(pool);
  const std::vector<CachePlace> places = places_of(sequences, k.rows);
  const CachePlace* on_gpu = step_inputs_.put(std::span<const CachePlace>(places));
  store_rows(*queue_, own.keys(layer), k.data, on_gpu, static_cast<int>(k.rows));
  store_rows(*queue_, own.values(layer), v.data, on_gpu, static_cast<int>(v.rows));
}

void CudaDevice::move_kv(KvPool& pool, int layer, const Rope* rope, std::span<const KvMove> moves) {
  auto& own = static_cast<CudaKvPool&>(pool);
  for (const KvMove& move : moves) {
    if (move.count == 0) continue;
    const Mark start = arena_.mark();
    std::vector<CachePlace> from, to;
    for (int i = 0; i < move.count; ++i) {
      from.push_back(place_of(move.from_pages, move.from + i));
      to.push_back(place_of(move.to_pages, move.to + i));
    }
    const CachePlace* sources = step_inputs_.put(std::span<const CachePlace>(from));
    const CachePlace* targets = step_inputs_.put(std::span<const CachePlace>(to));
    const float *cos = nullptr, *sin = nullptr;
    if (rope != nullptr && move.from != move.to) {
      Rope turn = *rope;
      turn.magnitude = 1;  // the keys have it already
      const std::int32_t by[] = {move.to - move.from};
      const RopeTable table = rope_table(by, turn);
      cos = table.cos;
      sin = table.sin;
    }
    const CacheView &keys = own.keys(layer), &values = own.values(layer);
    const std::int64_t bytes =
        std::max(move_scratch_bytes(keys, move.count), move_scratch_bytes(values, move.count));
    auto* scratch = arena_.array<std::uint8_t>(bytes);
    const auto pairing = rope != nullptr ? rope->pairing : Rope::Pairing::adjacent;
    move_rows(*queue_, keys, sources, targets, move.count, scratch,
              rope != nullptr ? rope->rotated : 0, pairing, cos, sin);
    move_rows(*queue_, values, sources, targets, move.count, scratch, 0, pairing, nullptr, nullptr);
    arena_.rewind(start);
  }
}

void CudaDevice::attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                           std::span<const SequenceSlice> sequences, Tensor out) {
  if (q.rows == 0) return;
  const auto& own = static_cast<const CudaKvPool&>(pool);
  const Mark start = arena_.mark();
  const Batch batch = batch_of(sequences, q.rows);
  std::vector<AttentionTile> tiles = tiles_of(batch, shape, /*by_chunk=*/false);
  // Enough pieces of work to fill the GPU a few times over, or each chunk becomes one.
  constexpr int kBlocksPerProcessor = 4;
  const bool is_few =
      static_cast<int>(tiles.size()) < kBlocksPerProcessor * queue_->multiprocessors();
  const bool by_chunk = is_few && batch.most_chunks > 1;
  if (by_chunk) tiles = tiles_of(batch, shape, by_chunk);
  AttentionTask task{
      .keys = own.keys(layer),
      .values = own.values(layer),
      .q = q.data,
      .out = out.data,
      .shape = shape,
      .sequences = step_inputs_.put(std::span<const AttentionSequence>(batch.sequences)),
      .pages = step_inputs_.put(std::span<const std::int32_t>(batch.pages)),
      .tiles = step_inputs_.put(std::span<const AttentionTile>(tiles)),
      .tile_count = static_cast<int>(tiles.size()),
      .chunks = batch.most_chunks};
  task.shape.sinks = residents_.floats(shape.sinks);
  task.shape.position_bias = residents_.floats(shape.position_bias);
  const std::int32_t* sequence_of = nullptr;
  if (by_chunk) {
    task.parts =
        arena_.array<float>(q.rows * shape.heads * batch.most_chunks * (shape.value_dim + 2));
    sequence_of = step_inputs_.put(std::span<const std::int32_t>(batch.sequence_of));
  }
  if (task.keys.rotated) {
    auto* turned = arena_.array<float>(q.rows * q.cols);
    queue_->copy(turned, q.data, static_cast<std::size_t>(q.rows * q.cols) * sizeof(float));
    hadamard(*queue_, turned, q.rows * q.cols);
    task.q = turned;
  }
  attend(*queue_, task, sequence_of, static_cast<int>(q.rows));
  if (task.values.rotated) hadamard(*queue_, out.data, out.rows * out.cols);
  arena_.rewind(start);
}

}  // namespace llm::compute::cuda
