// Attention of a few queries over the pages of one key/value head, written once for every Vec.
//
// Keys of a page are stored [dim][position] and values [position][dim], so both products are
// broadcasts times vectors: no sum runs across lanes except the 32 weights of a page. A row (one
// query head of one token) goes page by page through the same arithmetic whatever tile it is in:
//   s_j = q . k_j (dims in order);  m' = max(m, s);  p_j = exp(s_j - m');
//   sum = sum exp(m - m') + p;  o = o exp(m - m') + p_j v_j (positions in order).
// Every kRangeTokens positions the state is folded into a total by the same rule.
#pragma once

#include <cmath>  // INFINITY
#include <cstdint>

#include "compute/cpu/kv_page.h"
#include "compute/cpu/vector/math.h"
#include "compute/cpu/vector_kernels.h"

namespace llm::compute::cpu::vector {

static inline int clamp_slot(int x) {
  return x < 0 ? 0 : (x > kPageTokens ? kPageTokens : x);
}

// How the two products read a page: one vector at an element's offset.
template <class V>
struct ReadF32 {
  const float* p;
  V operator()(int i) const { return V::load(p + i); }
};
template <class V>
struct ReadF16 {
  const std::uint16_t* p;
  V operator()(int i) const { return V::load_f16(p + i); }
};
template <class V>
struct ReadBf16 {
  const std::uint16_t* p;
  V operator()(int i) const { return V::load_bf16(p + i); }
};

/// scores[R][kPageTokens] = q . k; q is packed [dim][R], k is [dim][kPageTokens].
template <class V, int R, class Read>
inline void score_tile(const float* q, Read k, int dim, float* scores) {
  constexpr int kWidth = V::kWidth;
  for (int j = 0; j < kPageTokens; j += 2 * kWidth) {
    V sums[R][2];
    for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = V::zero();
    for (int c = 0; c < dim; ++c) {
      const V k0 = k(c * kPageTokens + j), k1 = k(c * kPageTokens + j + kWidth);
      for (int r = 0; r < R; ++r) {
        const V x = V::set1(q[c * R + r]);
        sums[r][0] = fma(x, k0, sums[r][0]);
        sums[r][1] = fma(x, k1, sums[r][1]);
      }
    }
    for (int r = 0; r < R; ++r) {
      sums[r][0].store(scores + r * kPageTokens + j);
      sums[r][1].store(scores + r * kPageTokens + j + kWidth);
    }
  }
}

/// out[R] += sum over slots [begin, end) of weights[R][slot] * v[slot]; rows of out are `stride`
/// apart. N vectors of dims starting at `dim0`.
template <class V, int R, int N, class Read>
inline void value_strip(const float* weights, Read v, int begin, int end, int dim0, int dims,
                        float* out, int stride) {
  constexpr int kWidth = V::kWidth;
  V sums[R][N];
  for (int r = 0; r < R; ++r) {
    for (int k = 0; k < N; ++k) sums[r][k] = V::load(out + r * stride + dim0 + k * kWidth);
  }
  for (int j = begin; j < end; ++j) {
    V x[N];
    for (int k = 0; k < N; ++k) x[k] = v(j * dims + dim0 + k * kWidth);
    for (int r = 0; r < R; ++r) {
      const V w = V::set1(weights[r * kPageTokens + j]);
      for (int k = 0; k < N; ++k) sums[r][k] = fma(w, x[k], sums[r][k]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int k = 0; k < N; ++k) sums[r][k].store(out + r * stride + dim0 + k * kWidth);
  }
}

/// dims is a multiple of 16.
template <class V, int R, class Read>
inline void value_tile(const float* weights, Read v, int begin, int end, int dims, float* out,
                       int stride) {
  constexpr int kStep = 2 * V::kWidth;
  int c = 0;
  for (; c + kStep <= dims; c += kStep) {
    value_strip<V, R, 2>(weights, v, begin, end, c, dims, out, stride);
  }
  for (; c < dims; c += V::kWidth) {
    value_strip<V, R, 1>(weights, v, begin, end, c, dims, out, stride);
  }
}

/// Calls f with R as a constant: the smallest tile that holds `rows`.
template <class V, class F>
inline void with_tile_rows(int rows, F&& f) {
  if (rows <= 1) return f.template operator()<1>();
  if (rows <= 2) return f.template operator()<2>();
  if (rows <= 4) return f.template operator()<4>();
  if constexpr (V::kTileRows == 12) {
    if (rows <= 8) return f.template operator()<8>();
  }
  return f.template operator()<V::kTileRows>();
}

/// Calls f with the reader for a page of `type`, or for its expansion.
template <class V, class F>
inline void with_reader(quant::Type type, const std::byte* page, const float* expanded, F&& f) {
  if (expanded != nullptr) return f(ReadF32<V>{expanded});
  if (type == quant::Type::f16) {
    return f(ReadF16<V>{reinterpret_cast<const std::uint16_t*>(page)});
  }
  if (type == quant::Type::bf16) {
    return f(ReadBf16<V>{reinterpret_cast<const std::uint16_t*>(page)});
  }
  return f(ReadF32<V>{reinterpret_cast<const float*>(page)});
}

static inline bool read_directly(quant::Type type) {
  return type == quant::Type::f32 || type == quant::Type::f16 || type == quant::Type::bf16;
}

template <class V>
class AttentionPass {
 public:
  AttentionPass(const AttentionTask& task, const AttentionBuffers& buffers)
      : task_(task),
        buffers_(buffers),
        rows_(task.tokens * task.group),
        stride_(kStateHead + task.padded_value_dim),
        range_(buffers.state[0]),
        total_(buffers.state[1]) {}

  void run() {
    pack_queries();
    clear(total_);
    for (int r = task_.first_range; r < task_.last_range; ++r) {
      clear(range_);
      run_range(r);
      if (task_.partials != nullptr) {
        copy(task_.partials + static_cast<std::int64_t>(r - task_.first_range) * rows_ * stride_);
      } else {
        fold();
      }
    }
    if (task_.partials == nullptr) finish();
  }

  void combine() {
    clear(total_);
    for (int r = task_.first_range; r < task_.last_range; ++r) {
      range_ = task_.partials + static_cast<std::int64_t>(r - task_.first_range) * rows_ * stride_;
      fold();
    }
    finish();
  }

 private:
  static constexpr int kWidth = V::kWidth;
  static constexpr int kVectors = kPageTokens / kWidth;

  float& maximum(float* state, int row) const { return state[row * stride_]; }
  float* sum(float* state, int row) const { return state + row * stride_ + kStateSum; }
  float* output(float* state, int row) const { return state + row * stride_ + kStateHead; }
  static bool empty(float maximum) { return maximum == -INFINITY; }

  void pack_queries() {
    for (int first = 0; first < rows_; first += V::kTileRows) {
      const int count = tile_count(first);
      with_tile_rows<V>(count, [&]<int R>() { pack_tile<R>(first, count); });
    }
  }

  template <int R>
  void pack_tile(int first, int count) {
    float* packed = buffers_.queries + static_cast<std::int64_t>(first) * task_.head_dim;
    for (int i = 0; i < R; ++i) {
      const float* q = nullptr;
      if (i < count) {
        const int row = first + i;
        q = task_.q + (row / task_.group) * task_.q_stride + (row % task_.group) * task_.head_dim;
        if (task_.rotated_keys) {
          for (int c = 0; c < task_.head_dim; ++c) buffers_.query_row[c] = q[c];
          rotate(buffers_.query_row, task_.head_dim);
          q = buffers_.query_row;
        }
      }
      for (int c = 0; c < task_.head_dim; ++c) packed[c * R + i] = q != nullptr ? q[c] : 0.0f;
    }
  }

  int tile_count(int first) const {
    return rows_ - first < V::kTileRows ? rows_ - first : V::kTileRows;
  }

  /// Rows of padding are cleared too: they are computed, and never read.
  void clear(float* state) const {
    const int all = rows_ + kRowPadding;
    for (int r = 0; r < all; ++r) {
      float* row = state + r * stride_;
      for (int c = 0; c < stride_; c += kWidth) V::zero().store(row + c);
      row[0] = -INFINITY;
    }
  }

  void copy(float* to) const {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(rows_) * stride_; i += kWidth) {
      V::load(range_ + i).store(to + i);
    }
  }

  void run_range(int range) {
    int begin = range * kRangeTokens, end = begin + kRangeTokens;
    const int seen = end_of(task_.first_position + task_.tokens - 1);
    if (end > seen) end = seen;
    const int first = task_.first_position - task_.behind;
    if (begin < first) begin = first;
    for (int page = begin / kPageTokens; page * kPageTokens < end; ++page) run_page(page);
  }

  /// Behind the last position that the query at `position` sees.
  int end_of(int position) const {
    const int end = position + task_.ahead + 1;
    return end < task_.length ? end : task_.length;
  }

  void run_page(int page) {
    const std::byte* keys =
        task_.cache + static_cast<std::int64_t>(task_.pages[page]) * task_.page_bytes;
    const std::byte* values = keys + task_.value_offset;
    const bool many = rows_ > V::kTileRows;
    const float *wide_keys = nullptr, *wide_values = nullptr;
    if (!read_directly(task_.key_type) || (many && task_.key_type != quant::Type::f32)) {
      expand_keys(keys);
      wide_keys = buffers_.keys;
    }
    if (!read_directly(task_.value_type) || (many && task_.value_type != quant::Type::f32)) {
      expand_values(values);
      wide_values = buffers_.values;
    }
    for (int first = 0; first < rows_; first += V::kTileRows) {
      run_tile(page * kPageTokens, first, keys, wide_keys, values, wide_values);
    }
  }

  void run_tile(int page_start, int first, const std::byte* keys, const float* wide_keys,
                const std::byte* values, const float* wide_values) {
    const int count = tile_count(first);
    int begin[kRowPadding], end[kRowPadding];
    int common_begin = 0, common_end = kPageTokens;
    bool any = false;
    for (int i = 0; i < count; ++i) {
      const int position = task_.first_position + (first + i) / task_.group;
      end[i] = clamp_slot(end_of(position) - page_start);
      begin[i] = clamp_slot(position - task_.behind - page_start);
      any = any || begin[i] < end[i];
      if (begin[i] > common_begin) common_begin = begin[i];
      if (end[i] < common_end) common_end = end[i];
    }
    if (!any) return;
    const float* q = buffers_.queries + static_cast<std::int64_t>(first) * task_.head_dim;
    with_tile_rows<V>(count, [&]<int R>() {
      with_reader<V>(task_.key_type, keys, wide_keys,
                     [&](auto k) { score_tile<V, R>(q, k, task_.head_dim, buffers_.scores); });
    });
    for (int i = 0; i < count; ++i) {
      if (begin[i] < end[i]) weigh(page_start, i, first + i, begin[i], end[i]);
    }
    with_reader<V>(task_.value_type, values, wide_values, [&](auto v) {
      if (common_begin >= common_end) {
        for (int i = 0; i < count; ++i) add_row(i, first + i, begin[i], end[i], v);
        return;
      }
      for (int i = 0; i < count; ++i) add_row(i, first + i, begin[i], common_begin, v);
      with_tile_rows<V>(count, [&]<int R>() {
        for (int i = count; i < R; ++i) clear_weights(i);
        value_tile<V, R>(buffers_.scores, v, common_begin, common_end, task_.padded_value_dim,
                         output(range_, first), stride_);
      });
      for (int i = 0; i < count; ++i) add_row(i, first + i, common_end, end[i], v);
    });
  }

  void clear_weights(int tile_row) const {
    for (int k = 0; k < kVectors; ++k) {
      V::zero().store(buffers_.scores + tile_row * kPageTokens + k * kWidth);
    }
  }

  template <class Read>
  void add_row(int tile_row, int row, int begin, int end, Read v) const {
    if (begin >= end) return;
    value_tile<V, 1>(buffers_.scores + tile_row * kPageTokens, v, begin, end,
                     task_.padded_value_dim, output(range_, row), stride_);
  }

  /// What joins the scores of a row with the slots of a page; null: nothing.
  const float* bias_of(int row, int page_start) const {
    if (task_.position_bias == nullptr) return nullptr;
    const std::int64_t head = row % task_.group;
    const int position = task_.first_position + row / task_.group;
    return task_.position_bias + (2 * head + 1) * task_.bias_reach + page_start - position;
  }

  /// Scores of the slots that the row sees become weights relative to its running maximum.
  void weigh(int page_start, int tile_row, int row, int begin, int end) const {
    float* scores = buffers_.scores + tile_row * kPageTokens;
    const float* bias = bias_of(row, page_start);
    const bool partial = begin > 0 || end < kPageTokens;
    V s[kVectors];
    for (int k = 0; k < kVectors; ++k) {
      s[k] = V::load(scores + k * kWidth) * V::set1(task_.scale);
      if (task_.softcap > 0) {
        s[k] = V::set1(task_.softcap) * tanh(s[k] * V::set1(1.0f / task_.softcap));
      }
      if (bias != nullptr) s[k] = s[k] + V::load(bias + k * kWidth);
      if (partial) s[k] = keep_range(s[k], k * kWidth, begin, end, V::set1(-INFINITY));
    }
    raise_maximum(row, s);
    const V shift = V::set1(maximum(range_, row));
    V total = V::zero();
    for (int k = 0; k < kVectors; ++k) {
      V w = exp_nonpositive(s[k] - shift);
      if (partial) w = keep_range(w, k * kWidth, begin, end, V::zero());
      w.store(scores + k * kWidth);
      total = total + w;
    }
    float* parts = sum(range_, row);
    (V::load(parts) + total).store(parts);
  }

  /// The running maximum rarely grows after the first pages: look first, reduce then.
  void raise_maximum(int row, const V (&s)[kVectors]) const {
    const float old = maximum(range_, row);
    const V bound = V::set1(old);
    bool grows = false;
    for (int k = 0; k < kVectors; ++k) grows = grows || any_greater(s[k], bound);
    if (!grows && !empty(old)) return;
    V top = s[0];
    for (int k = 1; k < kVectors; ++k) top = max(top, s[k]);
    const float found = top.maximum();
    // A row that sees nothing but NaN or -inf must not look like one that sees nothing.
    maximum(range_, row) = empty(found) ? __builtin_nanf("") : found;
    if (!empty(old)) rescale(range_, row, exp1<V>(old - found));
  }

  void rescale(float* state, int row, float factor) const {
    const V f = V::set1(factor);
    float* parts = sum(state, row);
    (V::load(parts) * f).store(parts);
    float* o = output(state, row);
    for (int c = 0; c < task_.padded_value_dim; c += kWidth) (V::load(o + c) * f).store(o + c);
  }

  /// total = total and range, each relative to the larger maximum.
  void fold() const {
    for (int row = 0; row < rows_; ++row) {
      const float part_max = maximum(range_, row), total_max = maximum(total_, row);
      if (empty(part_max)) continue;
      float part_factor = 1;
      if (empty(total_max) || part_max > total_max) {
        maximum(total_, row) = part_max;
        if (!empty(total_max)) rescale(total_, row, exp1<V>(total_max - part_max));
      } else {
        part_factor = exp1<V>(part_max - total_max);
      }
      const V f = V::set1(part_factor);
      float* parts = sum(total_, row);
      fma(V::load(sum(range_, row)), f, V::load(parts)).store(parts);
      float* to = output(total_, row);
      const float* from = output(range_, row);
      for (int c = 0; c < task_.padded_value_dim; c += kWidth) {
        fma(V::load(from + c), f, V::load(to + c)).store(to + c);
      }
    }
  }

  void finish() const {
    for (int row = 0; row < rows_; ++row) {
      const int head = row % task_.group;
      float all = V::load(sum(total_, row)).sum();
      float factor = 1;
      if (task_.sinks != nullptr) {
        const float sink = task_.sinks[head], top = maximum(total_, row);
        const float larger = sink > top ? sink : top;
        factor = exp1<V>(top - larger);
        all = all * factor + exp1<V>(sink - larger);
      }
      factor /= all;
      float* o = output(total_, row);
      if (task_.rotated_values) rotate(o, task_.value_dim);
      float* out = task_.out + (row / task_.group) * task_.out_stride + head * task_.value_dim;
      for (int c = 0; c < task_.value_dim; ++c) out[c] = o[c] * factor;
    }
  }

  void expand_keys(const std::byte* page) const {
    const int dim = task_.head_dim;
    const auto* half = reinterpret_cast<const std::uint16_t*>(page);
    switch (task_.key_type) {
      case quant::Type::f16:
        return widen(dim * kPageTokens, buffers_.keys,
                     [&](int i) { return V::load_f16(half + i); });
      case quant::Type::bf16:
        return widen(dim * kPageTokens, buffers_.keys,
                     [&](int i) { return V::load_bf16(half + i); });
      case quant::Type::q8_0:
        for (int b = 0; b * 32 < dim; ++b) expand_key_block_q8(page, b);
        return;
      case quant::Type::q4_0:
        for (int b = 0; b * 32 < dim; ++b) expand_key_block_q4(page, b);
        return;
      default:
        return expand_key_rows(task_.key_type, page, dim, buffers_.keys);
    }
  }

  template <class Load>
  static void widen(int count, float* out, Load&& load) {
    for (int i = 0; i < count; i += kWidth) load(i).store(out + i);
  }

  void expand_key_block_q8(const std::byte* page, int block) const {
    const std::byte* at = page + block * kKeyBlockQ8;
    const auto* scales = reinterpret_cast<const std::uint16_t*>(at);
    const auto* q = reinterpret_cast<const std::int8_t*>(at + kKeyBlockScales);
    float* out = buffers_.keys + block * 32 * kPageTokens;
    for (int j = 0; j < kPageTokens; j += kWidth) {
      const V d = V::load_f16(scales + j);
      for (int c = 0; c < 32; ++c) {
        (V::load_i8(q + c * kPageTokens + j) * d).store(out + c * kPageTokens + j);
      }
    }
  }

  void expand_key_block_q4(const std::byte* page, int block) const {
    const std::byte* at = page + block * kKeyBlockQ4;
    const auto* scales = reinterpret_cast<const std::uint16_t*>(at);
    const auto* q = reinterpret_cast<const std::uint8_t*>(at + kKeyBlockScales);
    float* out = buffers_.keys + block * 32 * kPageTokens;
    for (int j = 0; j < kPageTokens; j += kWidth) {
      const V d = V::load_f16(scales + j);
      for (int c = 0; c < 16; ++c) {
        const std::uint8_t* bytes = q + c * kPageTokens + j;
        (V::load_low_nibbles(bytes) * d).store(out + c * kPageTokens + j);
        (V::load_high_nibbles(bytes) * d).store(out + (c + 16) * kPageTokens + j);
      }
    }
  }

  void expand_values(const std::byte* page) const {
    const int dims = task_.padded_value_dim;
    const auto* half = reinterpret_cast<const std::uint16_t*>(page);
    switch (task_.value_type) {
      case quant::Type::f16:
        return widen(dims * kPageTokens, buffers_.values,
                     [&](int i) { return V::load_f16(half + i); });
      case quant::Type::bf16:
        return widen(dims * kPageTokens, buffers_.values,
                     [&](int i) { return V::load_bf16(half + i); });
      case quant::Type::q8_0:
        return expand_value_blocks_q8(page);
      default:
        return expand_value_rows(task_.value_type, page, dims, buffers_.values);
    }
  }

  /// Values are kept as quant blocks in their own form: f16 scale, 32 bytes.
  void expand_value_blocks_q8(const std::byte* page) const {
    const int blocks = task_.padded_value_dim / 32 * kPageTokens;
    for (int b = 0; b < blocks; ++b) {
      const std::byte* at = page + b * 34;
      const V d = V::set1(scale_of(at));
      const auto* q = reinterpret_cast<const std::int8_t*>(at + 2);
      for (int c = 0; c < 32; c += kWidth) {
        (V::load_i8(q + c) * d).store(buffers_.values + b * 32 + c);
      }
    }
  }

  static float scale_of(const std::byte* block) {
    std::uint16_t half[kWidth] = {};
    half[0] = static_cast<std::uint16_t>(static_cast<unsigned>(block[0]) |
                                         static_cast<unsigned>(block[1]) << 8);
    return V::load_f16(half).first();
  }

  const AttentionTask& task_;
  const AttentionBuffers& buffers_;
  int rows_, stride_;
  float *range_, *total_;
};

template <class V>
void attend(const AttentionTask& task, const AttentionBuffers& buffers) {
  AttentionPass<V>(task, buffers).run();
}

template <class V>
void combine(const AttentionTask& task, const AttentionBuffers& buffers) {
  AttentionPass<V>(task, buffers).combine();
}

}  // namespace llm::compute::cpu::vector
