#include "compute/cpu/linear.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "compute/cpu/aligned_buffer.h"
#include "compute/cpu/isa/select.h"
#include "compute/cpu/kernels.h"
#include "compute/cpu/packed_tokens.h"

namespace llm::compute::cpu {
namespace {

constexpr int kMaxLanes = 16;
constexpr int kMaxTile = 8;
constexpr int kGroupRows = kMaxPanelWidth * kMaxLanes;  // rows that share one accumulator block
constexpr int kFloatGroupRows = 8;

// Tokens that share one expansion of the weights; their packed columns should stay in the second
// level cache while all row groups pass by.
constexpr int kSlabSlots = 512;

// Work is handed out in pieces: large at first, because taking one costs something, and smaller
// towards the end, so that nobody waits long for the last. Their cost is counted in bytes of
// weights (at about 10 GB/s), a product as a twentieth of a byte.
constexpr std::int64_t kLargestPiece = 128 * 1024;
constexpr std::int64_t kSmallestPiece = 24 * 1024;
constexpr std::int64_t kPiecesLeft = 4;  // for each thread, when pieces begin to shrink
constexpr std::int64_t kProductsPerByte = 20;

// With this many tokens or more, arithmetic hides the memory, and asking ahead is of no use.
constexpr int kMemoryBoundTokens = 24;

// Few tokens are packed by the caller alone: a barrier would cost more.
constexpr std::int64_t kPackAlone = 16 * 1024;  // values

constexpr std::int64_t kCacheLine = 64;

enum class Form { quantised, f32, f16, bf16 };

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

/// What one thread writes while it works on a piece.
struct WorkerMemory {
  AlignedBuffer panel_q;       // [kChunk / 4][panel rows][4]
  AlignedBuffer panel_scale;   // [kChunk / 16][panel rows]
  AlignedBuffer panel_offset;  // the same
  AlignedBuffer acc;           // [slots of a slab][rows of a group]
  AlignedBuffer last_rows;     // the rows that do not fill a vector, and zeros
  AlignedBuffer floats;        // [kFloatGroupRows][kChunk]

  WorkerMemory() {
    panel_q.reserve(kChunk * kGroupRows);
    panel_scale.reserve(kChunk / 16 * kGroupRows * sizeof(float));
    panel_offset.reserve(kChunk / 16 * kGroupRows * sizeof(float));
    acc.reserve(kSlabSlots * kGroupRows * sizeof(float));
    floats.reserve(kFloatGroupRows * kChunk * sizeof(float));
  }
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

class LinearScratch {
 public:
  explicit LinearScratch(int threads) : workers(threads) {}

  std::vector<WorkerMemory> workers;
  PackedTokens tokens;
  std::vector<const float*> slots;  // the activations of each slot
  std::vector<TokenTile> tiles;
  std::vector<Job> jobs;
  std::vector<Piece> pieces;
};

namespace {

/// One call: gathers jobs, packs the activations, and lets the team work through the pieces.
class Call {
 public:
  Call(const Kernels& kernels, LinearScratch& scratch, ThreadPool& pool, int team,
       std::int64_t columns)
      : kernels_(kernels), scratch_(scratch), pool_(pool), columns_(columns) {
    team_ = std::clamp(team, 1, pool.size());
    scratch.slots.clear();
    scratch.tiles.clear();
    scratch.jobs.clear();
    scratch.pieces.clear();
  }

  void add_slot(const float* x) { scratch_.slots.push_back(x); }

  /// Cuts slots [begin, end) into tiles of about equal size; returns the index of the first.
  int add_tiles(std::int64_t begin, std::int64_t end);

  /// Once, when all slots are there, before add_job().
  void begin_jobs() { scratch_.tokens.begin(std::ssize(scratch_.slots), columns_); }
  void add_job(const Weight& weight, std::int64_t matrix, const float* bias, Tensor out,
               int first_tile, int tile_count, std::int32_t first_slot = 0);
  void run();

 private:
  std::int64_t row_cost(const Job& job, std::int64_t tiles) const;
  void cut();
  void pack();
  const std::byte* first_byte(const Piece& piece) const {
    const Job& job = scratch_.jobs[piece.job];
    return job.weights + piece.first_row * job.row_bytes;
  }
  // `after`: where the next piece begins, or null.
  void work(const Piece& piece, const std::byte* after, WorkerMemory& memory);
  void quantised(const Job& job, const Piece& piece, const std::byte* after, WorkerMemory& memory);
  void direct(const Job& job, const Piece& piece, const std::byte* after, WorkerMemory& memory);
  void floating(const Job& job, const Piece& piece, const std::byte* after, WorkerMemory& memory);
  void unpack_chunk(const Job& job, const std::byte* rows, std::int64_t column, int columns,
                    PanelSlice to, const std::byte* ahead);
  const float* float_chunk(const Job& job, const std::byte* from, const std::byte* ahead, int rows,
                           std::int64_t column, int columns, WorkerMemory& memory);
  std::span<const TokenTile> tiles(const Piece& piece) const {
    return std::span(scratch_.tiles).subspan(piece.first_tile, piece.tile_count);
  }

  const Kernels& kernels_;
  LinearScratch& scratch_;
  ThreadPool& pool_;
  int team_;
  std::int64_t columns_;
  bool quantised_ = false;
};

int Call::add_tiles(std::int64_t begin, std::int64_t end) {
  const int first = static_cast<int>(scratch_.tiles.size());
  const std::int64_t count = ceil_div(end - begin, kernels_.tile);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto from = static_cast<std::int32_t>(begin + (end - begin) * i / count);
    const auto to = static_cast<std::int32_t>(begin + (end - begin) * (i + 1) / count);
    scratch_.tiles.push_back({from, to - from});
  }
  return first;
}

const QuantKernels* find_quant(const Kernels& kernels, quant::Type type) {
  for (int i = 0; i < kernels.quant_count; ++i) {
    if (kernels.quants[i].type == type) return &kernels.quants[i];
  }
  return nullptr;
}

Form form_of(quant::Type type) {
  switch (type) {
    case quant::Type::f32:
      return Form::f32;
    case quant::Type::f16:
      return Form::f16;
    case quant::Type::bf16:
      return Form::bf16;
    default:
      return Form::quantised;
  }
}

void Call::add_job(const Weight& weight, std::int64_t matrix, const float* bias, Tensor out,
                   int first_tile, int tile_count, std::int32_t first_slot) {
  assert(weight.cols == columns_);
  Job job{.weights = weight.row(matrix * weight.rows),
          .row_bytes = weight.row_bytes(),
          .rows = weight.rows,
          .form = form_of(weight.type),
          .quant = nullptr,
          .bias = bias,
          .out = out.data,
          .out_stride = out.cols,
          .first_slot = first_slot,
          .first_tile = first_tile,
          .tile_count = tile_count};
  if (job.form == Form::quantised) {
    job.quant = find_quant(kernels_, weight.type);
    assert(job.quant && "prepare() refuses such weights");
    scratch_.tokens.need(job.quant->scheme);
    quantised_ = true;
  }
  scratch_.jobs.push_back(job);
}

std::int64_t Call::row_cost(const Job& job, std::int64_t tiles) const {
  return std::max(job.row_bytes, tiles * kernels_.tile * columns_ / kProductsPerByte);
}

/// Slabs of tokens outside, rows inside: a slab's packed tokens stay in the cache meanwhile.
void Call::cut() {
  std::int64_t left = 0;
  for (const Job& job : scratch_.jobs) left += job.rows * row_cost(job, job.tile_count);
  const int slab = kSlabSlots / kernels_.tile;
  for (std::int32_t index = 0; index < std::ssize(scratch_.jobs); ++index) {
    const Job& job = scratch_.jobs[index];
    const std::int64_t group = job.quant ? kMaxPanelWidth * kernels_.lanes : kFloatGroupRows;
    for (std::int32_t tile = 0; tile < job.tile_count; tile += slab) {
      const std::int32_t tiles = std::min(slab, job.tile_count - tile);
      const std::int64_t cost = row_cost(job, tiles);
      for (std::int64_t row = 0; row < job.rows;) {
        const std::int64_t wanted =
            std::clamp(left / (team_ * kPiecesLeft), kSmallestPiece, kLargestPiece);
        const std::int64_t groups = std::max<std::int64_t>(wanted / (cost * group), 1);
        const std::int64_t rows = std::min(groups * group, job.rows - row);
        scratch_.pieces.push_back({index, job.first_tile + tile, tiles, row, rows});
        row += rows;
        left -= rows * cost;
      }
    }
  }
}

void Call::pack() {
  const auto pack_tiles = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const TokenTile tile = scratch_.tiles[i];
      scratch_.tokens.pack(kernels_, tile, scratch_.slots.data() + tile.first_slot);
    }
  };
  const std::int64_t values = std::ssize(scratch_.slots) * columns_;
  pool_.for_each(std::ssize(scratch_.tiles), 1, pack_tiles, values <= kPackAlone ? 1 : team_);
}

void Call::run() {
  if (quantised_) pack();
  cut();
  const std::span<const Piece> pieces = scratch_.pieces;
  std::atomic<std::size_t> next{0};
  const auto claim = [&]() -> const Piece* {
    const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
    return i < pieces.size() ? &pieces[i] : nullptr;
  };
  // Where memory is the limit, everybody claims one piece ahead, to ask for it while working on the
  // one before.
  const bool ahead = std::ssize(scratch_.slots) < kMemoryBoundTokens;
  const auto work_on = [&](int worker) {
    for (const Piece* piece = claim(); piece != nullptr;) {
      const Piece* after = ahead ? claim() : nullptr;
      work(*piece, after ? first_byte(*after) : nullptr, scratch_.workers[worker]);
      piece = ahead ? after : claim();
    }
  };
  pool_.run(work_on, static_cast<int>(std::min<std::size_t>(team_, pieces.size())));
}

void Call::work(const Piece& piece, const std::byte* after, WorkerMemory& memory) {
  const Job& job = scratch_.jobs[piece.job];
  if (job.form != Form::quantised) return floating(job, piece, after, memory);
  const int tokens = tiles(piece)[0].count;
  const bool few =
      piece.tile_count == 1 && tokens <= kDirectTokens && job.quant->direct[tokens - 1];
  few ? direct(job, piece, after, memory) : quantised(job, piece, after, memory);
}

/// `rows` rows at `from`, copied and followed by zeros until they fill a vector.
const std::byte* fill_up(const Job& job, const std::byte* from, int rows, int lanes,
                         WorkerMemory& memory) {
  memory.last_rows.reserve(lanes * job.row_bytes);
  auto* copy = memory.last_rows.as<std::byte>();
  std::memcpy(copy, from, rows * job.row_bytes);
  std::memset(copy + rows * job.row_bytes, 0, (lanes - rows) * job.row_bytes);
  return copy;
}

/// acc [slots][pitch] -> out, plus the bias.
void write(const Job& job, std::span<const TokenTile> tiles, const float* acc, int pitch,
           std::int64_t row, int rows) {
  const std::int64_t slots = tiles.back().first_slot + tiles.back().count - tiles[0].first_slot;
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    float* out = job.out + (tiles[0].first_slot - job.first_slot + slot) * job.out_stride + row;
    const float* from = acc + slot * pitch;
    if (!job.bias) {
      std::memcpy(out, from, rows * sizeof(float));
      continue;
    }
    for (int r = 0; r < rows; ++r) out[r] = from[r] + job.bias[row + r];
  }
}

void Call::unpack_chunk(const Job& job, const std::byte* rows, std::int64_t column, int columns,
                        PanelSlice to, const std::byte* ahead) {
  const std::int64_t skip = job.row_bytes * column / columns_;
  // What is asked for ahead lies in a row behind the other, the way memory likes it; the bytes read
  // meanwhile are one chunk of each row.
  job.quant->unpack(rows + skip, job.row_bytes, columns, to,
                    ahead ? ahead + kernels_.lanes * skip : nullptr);
}

void Call::quantised(const Job& job, const Piece& piece, const std::byte* after,
                     WorkerMemory& memory) {
  const int lanes = kernels_.lanes;
  const Scheme& scheme = job.quant->scheme;
  const std::int64_t end = piece.first_row + piece.row_count;
  const std::span<const TokenTile> some = tiles(piece);
  const std::int32_t first_slot = some[0].first_slot;
  float* acc = memory.acc.as<float>();
  for (std::int64_t row = piece.first_row; row < end; row += kMaxPanelWidth * lanes) {
    const int rows = static_cast<int>(std::min<std::int64_t>(end - row, kMaxPanelWidth * lanes));
    const int width = static_cast<int>(ceil_div(rows, lanes));
    const int pitch = width * lanes;
    std::array<const std::byte*, kMaxPanelWidth> from{}, ahead{};
    for (int v = 0; v < width; ++v) {
      from[v] = job.weights + (row + v * lanes) * job.row_bytes;
      const std::int64_t next = row + (width + v) * lanes;
      if (next < end) ahead[v] = job.weights + next * job.row_bytes;
      if (next >= end && after) ahead[v] = after + v * lanes * job.row_bytes;
    }
    if (const int rest = rows % lanes; rest != 0) {
      from[width - 1] = fill_up(job, from[width - 1], rest, lanes, memory);
    }
    MultiplyArguments arguments{.q = memory.panel_q.as<std::uint8_t>(),
                                .scale = memory.panel_scale.as<float>(),
                                .offset = memory.panel_offset.as<float>()};
    for (std::int64_t column = 0; column < columns_; column += kChunk) {
      const int columns = static_cast<int>(std::min<std::int64_t>(kChunk, columns_ - column));
      for (int v = 0; v < width; ++v) {
        const PanelSlice slice{memory.panel_q.as<std::uint8_t>() + 4 * v * lanes,
                               memory.panel_scale.as<float>() + v * lanes,
                               memory.panel_offset.as<float>() + v * lanes, pitch};
        unpack_chunk(job, from[v], column, columns, slice, ahead[v]);
      }
      arguments.blocks = columns / kBlock;
      arguments.first = column == 0;
      for (const TokenTile& tile : some) {
        scratch_.tokens.view(tile, scheme, column, arguments);
        arguments.acc = acc + (tile.first_slot - first_slot) * pitch;
        job.quant->multiply[tile.count - 1][width - 1](arguments);
      }
    }
    write(job, some, acc, pitch, row, rows);
  }
}

void Call::direct(const Job& job, const Piece& piece, const std::byte* after,
                  WorkerMemory& memory) {
  const int lanes = kernels_.lanes;
  const std::int64_t end = piece.first_row + piece.row_count;
  const TokenTile tile = tiles(piece)[0];
  MultiplyArguments arguments{.acc = memory.acc.as<float>()};
  scratch_.tokens.view(tile, job.quant->scheme, 0, arguments);
  for (std::int64_t row = piece.first_row; row < end; row += lanes) {
    const int rows = static_cast<int>(std::min<std::int64_t>(end - row, lanes));
    const std::byte* from = job.weights + row * job.row_bytes;
    const std::byte* ahead = row + lanes < end ? from + lanes * job.row_bytes : after;
    if (rows < lanes) from = fill_up(job, from, rows, lanes, memory);
    job.quant->direct[tile.count - 1](from, job.row_bytes, static_cast<int>(columns_), arguments,
                                      ahead);
    write(job, tiles(piece), arguments.acc, lanes, row, rows);
  }
}

void prefetch(const std::byte* from, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(from + i, 0, 2);
}

/// Some columns of some rows as f32, in place where they are that already. Meanwhile asks for as
/// many bytes of what comes next.
const float* Call::float_chunk(const Job& job, const std::byte* from, const std::byte* ahead,
                               int rows, std::int64_t column, int columns, WorkerMemory& memory) {
  const std::int64_t size = job.row_bytes / columns_;
  const std::int64_t bytes = columns * size;
  if (ahead) ahead += rows * column * size;
  float* to = memory.floats.as<float>();
  for (int r = 0; r < rows; ++r) {
    if (ahead) prefetch(ahead + r * bytes, bytes);
    const std::byte* source = from + r * job.row_bytes + column * size;
    if (job.form == Form::f16) kernels_.expand_f16(source, to + r * kChunk, columns);
    if (job.form == Form::bf16) kernels_.expand_bf16(source, to + r * kChunk, columns);
  }
  return job.form == Form::f32 ? reinterpret_cast<const float*>(from) + column : to;
}

void Call::floating(const Job& job, const Piece& piece, const std::byte* after,
                    WorkerMemory& memory) {
  const std::int64_t end = piece.first_row + piece.row_count;
  const std::span<const TokenTile> some = tiles(piece);
  float* acc = memory.acc.as<float>();
  for (std::int64_t row = piece.first_row; row < end; row += kFloatGroupRows) {
    const int rows = static_cast<int>(std::min<std::int64_t>(end - row, kFloatGroupRows));
    const std::byte* from = job.weights + row * job.row_bytes;
    const std::byte* ahead = row + rows < end ? from + rows * job.row_bytes : after;
    for (std::int64_t column = 0; column < columns_; column += kChunk) {
      const int columns = static_cast<int>(std::min<std::int64_t>(kChunk, columns_ - column));
      const float* weights = float_chunk(job, from, ahead, rows, column, columns, memory);
      const std::int64_t stride = job.form == Form::f32 ? columns_ : kChunk;
      for (const TokenTile& tile : some) {
        std::array<const float*, kMaxTile> x;
        for (int t = 0; t < tile.count; ++t) x[t] = scratch_.slots[tile.first_slot + t] + column;
        float* tile_acc = acc + (tile.first_slot - some[0].first_slot) * kFloatGroupRows;
        for (int r = 0; r < rows;) {
          const bool wide = r + kFloatRows <= rows;
          kernels_.multiply_float[tile.count - 1][wide]({.weights = weights + r * stride,
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
    write(job, some, acc, kFloatGroupRows, row, rows);
  }
}

}  // namespace

LinearEngine::LinearEngine(ThreadPool& pool, std::string_view isa)
    : pool_(pool),
      kernels_(select_kernels(isa)),
      scratch_(std::make_unique<LinearScratch>(pool.size())) {
  assert(kernels_.lanes <= kMaxLanes && kernels_.tile <= kMaxTile);
}

LinearEngine::~LinearEngine() = default;

std::string_view LinearEngine::isa() const {
  return kernels_.name;
}
std::string_view LinearEngine::description() const {
  return kernels_.description;
}

void LinearEngine::prepare(const Weight& weight) const {
  if (form_of(weight.type) == Form::quantised && !find_quant(kernels_, weight.type)) {
    fail("weights of type {} cannot be multiplied", quant::traits(weight.type).name);
  }
}

void LinearEngine::linear(Tensor x, std::span<const Linear> products, int team) {
  if (x.rows == 0 || products.empty()) return;
  Call call(kernels_, *scratch_, pool_, team, x.cols);
  for (std::int64_t t = 0; t < x.rows; ++t) call.add_slot(x.row(t).data());
  const int first = call.add_tiles(0, x.rows);
  const auto count = static_cast<int>(scratch_->tiles.size()) - first;
  call.begin_jobs();
  for (const Linear& product : products) {
    assert(product.out.rows == x.rows && product.out.cols == product.weight->rows);
    call.add_job(*product.weight, 0, product.bias, product.out, first, count);
  }
  call.run();
}

void LinearEngine::linear_experts(Tensor x, std::span<const std::int32_t> rows,
                                  std::span<const std::int32_t> offsets,
                                  std::span<const Experts> products, int team) {
  if (rows.empty() || products.empty()) return;
  Call call(kernels_, *scratch_, pool_, team, x.cols);
  for (const std::int32_t row : rows) call.add_slot(x.row(row).data());
  call.begin_jobs();
  for (std::size_t expert = 0; expert + 1 < offsets.size(); ++expert) {
    if (offsets[expert] == offsets[expert + 1]) continue;
    const int first = call.add_tiles(offsets[expert], offsets[expert + 1]);
    const auto count = static_cast<int>(scratch_->tiles.size()) - first;
    for (const Experts& product : products) {
      assert(product.out.cols == product.weight->rows);
      call.add_job(*product.weight, static_cast<std::int64_t>(expert), nullptr, product.out, first,
                   count);
    }
  }
  call.run();
}

void LinearEngine::linear_groups(std::int64_t columns, std::span<const Group> groups, int team) {
  if (groups.empty()) return;
  Call call(kernels_, *scratch_, pool_, team, columns);
  for (const Group& group : groups) {
    for (const float* x : group.x) call.add_slot(x);
  }
  call.begin_jobs();
  std::int32_t slot = 0;
  for (const Group& group : groups) {
    const auto size = static_cast<std::int32_t>(group.x.size());
    const int first = call.add_tiles(slot, slot + size);
    const auto count = static_cast<int>(scratch_->tiles.size()) - first;
    call.add_job(*group.weight, group.matrix, nullptr, group.out, first, count, slot);
    slot += size;
  }
  call.run();
}

}  // namespace llm::compute::cpu
