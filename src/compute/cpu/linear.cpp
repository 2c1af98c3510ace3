#include "compute/cpu/linear.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <vector>

#include "base/error.h"
#include "compute/cpu/isa/select.h"
#include "compute/cpu/kernels.h"
#include "compute/cpu/linear_work.h"

namespace llm::compute::cpu {
namespace {

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

}  // namespace

class LinearScratch {
 public:
  explicit LinearScratch(int threads) : workers(static_cast<std::size_t>(threads)) {}

  std::vector<PieceWorker> workers;
  Batch batch;
  std::vector<Piece> pieces;
};

namespace {

const QuantKernels* find_quant(const Kernels& kernels, quant::Type type) {
  for (int i = 0; i < kernels.quant_count; ++i) {
    if (kernels.quants[i].type == type) return &kernels.quants[i];
  }
  return nullptr;
}

Form form_of(const Kernels& kernels, quant::Type type) {
  switch (type) {
    case quant::Type::f32:
      return Form::f32;
    case quant::Type::f16:
      return Form::f16;
    case quant::Type::bf16:
      return kernels.bf16 ? Form::bf16 : Form::expanded_bf16;
    default:
      return Form::quantised;
  }
}

/// One call: gathers jobs, packs the activations, and lets the team work through the pieces.
class Call {
 public:
  /// Products: what has a member `weight`; all that the call will be given.
  template <class Products>
  Call(const Kernels& kernels, LinearScratch& scratch, ThreadPool& pool, int team,
       std::int64_t columns, const Products& products)
      : kernels_(kernels), scratch_(scratch), batch_(scratch.batch), pool_(pool) {
    team_ = std::clamp(team, 1, pool.size());
    const auto is_bf16 = [&](const auto& product) {
      return form_of(kernels, product.weight->type) == Form::bf16;
    };
    tile_ =
        std::all_of(products.begin(), products.end(), is_bf16) ? kernels.bf16->tile : kernels.tile;
    batch_.columns = columns;
    batch_.slots.clear();
    batch_.tiles.clear();
    batch_.jobs.clear();
    scratch.pieces.clear();
  }

  void add_slot(const float* x) { batch_.slots.push_back(x); }

  /// Cuts slots [begin, end) into tiles of about equal size; returns the index of the first.
  int add_tiles(std::int64_t begin, std::int64_t end);

  /// Once, when all slots are there, before add_job().
  void begin_jobs() { batch_.tokens.begin(std::ssize(batch_.slots), batch_.columns); }
  void add_job(const Weight& weight, std::int64_t matrix, const float* bias, Tensor out,
               int first_tile, int tile_count, std::int32_t first_slot = 0);
  void run();

 private:
  std::int64_t row_cost(const Job& job, std::span<const TokenTile> tiles) const;
  void cut();
  void pack();

  const Kernels& kernels_;
  LinearScratch& scratch_;
  Batch& batch_;
  ThreadPool& pool_;
  int team_, tile_;
  bool packs_ = false;
};

int Call::add_tiles(std::int64_t begin, std::int64_t end) {
  const int first = static_cast<int>(batch_.tiles.size());
  const std::int64_t count = ceil_div(end - begin, tile_);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto from = static_cast<std::int32_t>(begin + (end - begin) * i / count);
    const auto to = static_cast<std::int32_t>(begin + (end - begin) * (i + 1) / count);
    batch_.tiles.push_back({from, to - from});
  }
  return first;
}

void Call::add_job(const Weight& weight, std::int64_t matrix, const float* bias, Tensor out,
                   int first_tile, int tile_count, std::int32_t first_slot) {
  assert(weight.cols == batch_.columns);
  Job job{.weights = weight.row(matrix * weight.rows),
          .row_bytes = weight.row_bytes(),
          .rows = weight.rows,
          .form = form_of(kernels_, weight.type),
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
    batch_.tokens.need(job.quant->scheme);
    packs_ = true;
  }
  if (job.form == Form::bf16) {
    batch_.tokens.need_bf16();
    packs_ = true;
  }
  batch_.jobs.push_back(job);
}

std::int64_t Call::row_cost(const Job& job, std::span<const TokenTile> tiles) const {
  return std::max(job.row_bytes, slot_count(tiles) * batch_.columns / kProductsPerByte);
}

/// Slabs of tokens outside, rows inside: a slab's packed tokens stay in the cache meanwhile.
void Call::cut() {
  std::int64_t left = 0;
  const auto tiles_of = [this](const Job& job, std::int32_t first, std::int32_t count) {
    return std::span(batch_.tiles).subspan(job.first_tile + first, count);
  };
  for (const Job& job : batch_.jobs) {
    left += job.rows * row_cost(job, tiles_of(job, 0, job.tile_count));
  }
  for (std::int32_t index = 0; index < std::ssize(batch_.jobs); ++index) {
    const Job& job = batch_.jobs[index];
    const std::int64_t group = job.form == Form::quantised ? kMaxPanelWidth * kernels_.lanes
                               : job.form == Form::bf16    ? kBf16Rows
                                                           : kFloatGroupRows;
    const int slab = job.form == Form::bf16 ? kBf16SlabTiles : kSlabSlots / tile_;
    for (std::int32_t tile = 0; tile < job.tile_count; tile += slab) {
      const std::int32_t tiles = std::min(slab, job.tile_count - tile);
      const std::int64_t cost = row_cost(job, tiles_of(job, tile, tiles));
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
      const TokenTile tile = batch_.tiles[i];
      batch_.tokens.pack(kernels_, tile, batch_.slots.data() + tile.first_slot);
    }
  };
  const std::int64_t values = std::ssize(batch_.slots) * batch_.columns;
  pool_.for_each(std::ssize(batch_.tiles), 1, pack_tiles, values <= kPackAlone ? 1 : team_);
}

void Call::run() {
  if (packs_) pack();
  cut();
  const std::span<const Piece> pieces = scratch_.pieces;
  std::atomic<std::size_t> next{0};
  const auto claim = [&]() -> const Piece* {
    const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
    return i < pieces.size() ? &pieces[i] : nullptr;
  };
  // Where memory is the limit, everybody claims one piece ahead, to ask for it while working on the
  // one before.
  const bool ahead = std::ssize(batch_.slots) < kMemoryBoundTokens;
  const auto work_on = [&](int worker) {
    for (const Piece* piece = claim(); piece != nullptr;) {
      const Piece* after = ahead ? claim() : nullptr;
      scratch_.workers[worker].work(kernels_, batch_, *piece,
                                    after ? batch_.first_byte(*after) : nullptr);
      piece = ahead ? after : claim();
    }
  };
  pool_.run(work_on, static_cast<int>(std::min<std::size_t>(team_, pieces.size())));
}

}  // namespace

LinearEngine::LinearEngine(ThreadPool& pool, std::string_view isa)
    : pool_(pool),
      kernels_(select_kernels(isa)),
      scratch_(std::make_unique<LinearScratch>(pool.size())) {
  assert(kernels_.lanes <= kMaxLanes);
}

LinearEngine::~LinearEngine() = default;

std::string_view LinearEngine::isa() const {
  return kernels_.name;
}
std::string_view LinearEngine::description() const {
  return kernels_.description;
}

void LinearEngine::prepare(const Weight& weight) const {
  if (form_of(kernels_, weight.type) == Form::quantised && !find_quant(kernels_, weight.type)) {
    fail("weights of type {} cannot be multiplied", quant::traits(weight.type).name);
  }
}

void LinearEngine::linear(Tensor x, std::span<const Linear> products, int team) {
  if (x.rows == 0 || products.empty()) return;
  Call call(kernels_, *scratch_, pool_, team, x.cols, products);
  for (std::int64_t t = 0; t < x.rows; ++t) call.add_slot(x.row(t).data());
  const int first = call.add_tiles(0, x.rows);
  const auto count = static_cast<int>(scratch_->batch.tiles.size()) - first;
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
  Call call(kernels_, *scratch_, pool_, team, x.cols, products);
  for (const std::int32_t row : rows) call.add_slot(x.row(row).data());
  call.begin_jobs();
  for (std::size_t expert = 0; expert + 1 < offsets.size(); ++expert) {
    if (offsets[expert] == offsets[expert + 1]) continue;
    const int first = call.add_tiles(offsets[expert], offsets[expert + 1]);
    const auto count = static_cast<int>(scratch_->batch.tiles.size()) - first;
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
  Call call(kernels_, *scratch_, pool_, team, columns, groups);
  for (const Group& group : groups) {
    for (const float* x : group.x) call.add_slot(x);
  }
  call.begin_jobs();
  std::int32_t slot = 0;
  for (const Group& group : groups) {
    const auto size = static_cast<std::int32_t>(group.x.size());
    const int first = call.add_tiles(slot, slot + size);
    const auto count = static_cast<int>(scratch_->batch.tiles.size()) - first;
    call.add_job(*group.weight, group.matrix, nullptr, group.out, first, count, slot);
    slot += size;
  }
  call.run();
}

}  // namespace llm::compute::cpu
