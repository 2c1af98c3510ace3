#include "compute/cpu/attention.h"

#include <algorithm>
#include <utility>

#include "compute/hadamard.h"

namespace llm::compute::cpu {
namespace {

/// With fewer tasks than this per thread, long ones are split by ranges of positions.
constexpr int kTasksPerThread = 4;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

int padded_keys(int head_dim) {
  return (head_dim + 31) / 32 * 32;
}

int padded_rows(int group) {
  return std::max(kTaskRows, group) + kRowPadding;
}

/// Every buffer of a worker, in floats; multiples of 16 so that each is aligned.
struct ScratchSizes {
  std::size_t queries, query_row, scores, keys, values, state;
  ScratchSizes(int group, int head_dim, int padded_value_dim)
      : queries(index(padded_rows(group) * padded_keys(head_dim))),
        query_row(index(padded_keys(head_dim))),
        scores(kRowPadding * kPageTokens),
        keys(index(padded_keys(head_dim) * kPageTokens)),
        values(index(padded_value_dim * kPageTokens)),
        state(index(padded_rows(group) * (kStateHead + padded_value_dim))) {}
  std::size_t all() const { return queries + query_row + scores + keys + values + 2 * state; }
};

int first_visible(const AttentionTask& task) {
  return std::max(0, task.first_position - task.behind);
}

/// Behind the last position that some row sees.
int end_visible(const AttentionTask& task) {
  return std::min(task.length, task.first_position + task.tokens + task.ahead);
}

std::int64_t partial_floats(const AttentionTask& task) {
  return static_cast<std::int64_t>(task.tokens) * task.group * (kStateHead + task.padded_value_dim);
}

}  // namespace

AttentionEngine::AttentionEngine(ThreadPool& threads, const VectorKernels& kernels)
    : threads_(threads), kernels_(kernels) {}

void AttentionEngine::reserve(const AttentionShape& shape, const AttentionTask& common) {
  group_ = common.group;
  head_dim_ = shape.head_dim;
  padded_value_dim_ = common.padded_value_dim;
  const std::size_t floats = ScratchSizes(group_, head_dim_, padded_value_dim_).all();
  if (floats <= scratch_floats_) return;
  scratch_floats_ = floats;
  scratch_ = Pages(index(threads_.size()) * floats * sizeof(float));
}

AttentionBuffers AttentionEngine::buffers(int worker) const {
  const ScratchSizes sizes(group_, head_dim_, padded_value_dim_);
  float* at = reinterpret_cast<float*>(scratch_.data()) + index(worker) * scratch_floats_;
  const auto take = [&at](std::size_t floats) { return std::exchange(at, at + floats); };
  AttentionBuffers b{};
  b.queries = take(sizes.queries);
  b.query_row = take(sizes.query_row);
  b.scores = take(sizes.scores);
  b.keys = take(sizes.keys);
  b.values = take(sizes.values);
  b.state[0] = take(sizes.state);
  b.state[1] = take(sizes.state);
  return b;
}

void AttentionEngine::plan(const AttentionTask& common, const PagedCache& cache, int layer,
                           Tensor q, const AttentionShape& shape,
                           std::span<const SequenceSlice> sequences, Tensor out) {
  const int tokens_per_task = std::max(1, kTaskRows / common.group);
  for (const SequenceSlice& slice : sequences) {
    for (int done = 0; done < slice.token_count; done += tokens_per_task) {
      AttentionTask task = common;
      task.tokens = std::min(tokens_per_task, slice.token_count - done);
      task.first_position = slice.first_position + done;
      task.pages = slice.pages.data();
      task.first_range = first_visible(task) / kRangeTokens;
      task.length = slice.first_position + slice.token_count;
      task.last_range = (end_visible(task) - 1) / kRangeTokens + 1;
      for (int h = 0; h < shape.kv_heads; ++h) {
        const std::int64_t token = slice.first_token + done;
        task.q = q.row(token).data() + h * task.group * shape.head_dim;
        task.out = out.row(token).data() + h * task.group * shape.value_dim;
        task.sinks = shape.sinks != nullptr ? shape.sinks + h * task.group : nullptr;
        if (shape.position_bias != nullptr) {
          task.position_bias = shape.position_bias +
                               static_cast<std::int64_t>(h) * task.group * 2 * shape.bias_reach;
        }
        task.cache = cache.head(layer, h);
        tasks_.push_back(task);
      }
    }
  }
  // The longest first: the end of the section is then short for every thread.
  std::stable_sort(tasks_.begin(), tasks_.end(), [](const auto& a, const auto& b) {
    return a.last_range - a.first_range > b.last_range - b.first_range;
  });
}

/// One task per range, and one that combines them. Same sums in the same order as unsplit.
void AttentionEngine::split_ranges(int team) {
  if (static_cast<int>(tasks_.size()) >= kTasksPerThread * std::min(team, threads_.size())) return;
  std::int64_t floats = 0;
  for (const AttentionTask& task : tasks_) {
    floats += (task.last_range - task.first_range) * partial_floats(task);
  }
  partials_.resize(std::max(partials_.size(), index(floats + 16)));
  float* next = partials_.data();
  std::vector<AttentionTask> pieces;
  for (AttentionTask& task : tasks_) {
    if (task.last_range - task.first_range < 2) {
      pieces.push_back(task);
      continue;
    }
    task.partials = next;
    for (int r = task.first_range; r < task.last_range; ++r) {
      AttentionTask piece = task;
      piece.first_range = r;
      piece.last_range = r + 1;
      piece.partials = next;
      next += partial_floats(task);
      pieces.push_back(piece);
    }
    combinations_.push_back(task);
  }
  tasks_ = std::move(pieces);
}

void AttentionEngine::run(const PagedCache& cache, int layer, Tensor q, const AttentionShape& shape,
                          std::span<const SequenceSlice> sequences, Tensor out, int team) {
  const KvLayout& layout = cache.layout();
  AttentionTask common{};
  common.q_stride = q.cols;
  common.out_stride = out.cols;
  common.group = shape.heads / shape.kv_heads;
  common.head_dim = shape.head_dim;
  common.value_dim = shape.value_dim;
  common.padded_value_dim = padded_dim(layout.value_type, shape.value_dim);
  common.scale = shape.scale;
  common.softcap = shape.softcap;
  common.behind = shape.window > 0 ? shape.window - 1 : kEveryPosition;
  common.ahead = 0;
  if (!shape.causal) {
    common.behind = common.ahead = shape.window > 0 ? shape.window / 2 : kEveryPosition;
  }
  common.bias_reach = shape.bias_reach;
  common.page_bytes = cache.page_bytes();
  common.value_offset = cache.value_offset(layer);
  common.key_type = layout.key_type;
  common.value_type = layout.value_type;
  common.rotated_keys = stored_rotated(layout.key_type, shape.head_dim);
  common.rotated_values = stored_rotated(layout.value_type, shape.value_dim);

  tasks_.clear();
  combinations_.clear();
  plan(common, cache, layer, q, shape, sequences, out);
  split_ranges(team);
  reserve(shape, common);
  threads_.for_each(
      static_cast<std::int64_t>(tasks_.size()), 1,
      [&](std::int64_t begin, std::int64_t end, int worker) {
        const AttentionBuffers b = buffers(worker);
        for (std::int64_t i = begin; i < end; ++i) kernels_.attend(tasks_[index(i)], b);
      },
      team);
  if (combinations_.empty()) return;
  const AttentionBuffers b = buffers(0);
  for (const AttentionTask& task : combinations_) kernels_.combine(task, b);
}

}  // namespace llm::compute::cpu
