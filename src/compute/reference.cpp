#include "compute/reference.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>

#include "compute/hadamard.h"
#include "compute/moe_routing.h"
#include "compute/rope_angles.h"

namespace llm::compute {
namespace {

using Floats = std::vector<float>;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

Floats expand(quant::Type type, const std::byte* from, std::int64_t count) {
  Floats values(index(count));
  quant::traits(type).dequantize(from, values.data(), count);
  return values;
}

/// Pages of rows: per layer [K: position][kv head], then [V: position][kv head], each head padded.
class ReferencePool final : public KvPool {
 public:
  ReferencePool(const KvLayout& layout, int page_count)
      : layout_(layout), page_count_(page_count), bytes_(index(layout.page_bytes() * page_count)) {
    check_cache_type(layout.key_type);
    check_cache_type(layout.value_type);
  }

  const KvLayout& layout() const override { return layout_; }
  int page_count() const override { return page_count_; }
  std::string_view format() const override { return "reference 1"; }
  void read_page(PageId page, std::byte* to) const override {
    std::memcpy(to, bytes_.data() + offset(page), index(layout_.page_bytes()));
  }
  void write_page(PageId page, const std::byte* from) override {
    std::memcpy(bytes_.data() + offset(page), from, index(layout_.page_bytes()));
  }

  void put(bool value, int layer, PageId page, int slot, int head, std::span<const float> x) {
    const quant::Type type = value ? layout_.value_type : layout_.key_type;
    const int dim = static_cast<int>(x.size());
    Floats padded(index(padded_dim(type, dim)));
    std::copy(x.begin(), x.end(), padded.begin());
    if (stored_rotated(type, dim)) hadamard_rotate(padded);
    quant::traits(type).quantize(padded.data(), row(value, layer, page, slot, head),
                                 static_cast<std::int64_t>(padded.size()), nullptr);
  }

  Floats get(bool value, int layer, PageId page, int slot, int head) const {
    const KvLayout::Layer& geometry = layout_.layers[index(layer)];
    const quant::Type type = value ? layout_.value_type : layout_.key_type;
    const int dim = value ? geometry.value_dim : geometry.key_dim;
    Floats x = expand(type, const_cast<ReferencePool*>(this)->row(value, layer, page, slot, head),
                      padded_dim(type, dim));
    x.resize(index(dim));
    if (stored_rotated(type, dim)) hadamard_rotate(x);
    return x;
  }

  /// One position of one head to another place, bit by bit.
  void copy(bool value, int layer, int head, PageId from, int from_slot, PageId to, int to_slot) {
    const KvLayout::Layer& geometry = layout_.layers[index(layer)];
    const std::int64_t bytes =
        (value ? layout_.value_bytes(geometry) : layout_.key_bytes(geometry)) / kPageTokens;
    std::memmove(row(value, layer, to, to_slot, head), row(value, layer, from, from_slot, head),
                 index(bytes));
  }

 private:
  std::size_t offset(PageId page) const {
    return index(static_cast<std::int64_t>(page) * layout_.page_bytes());
  }

  std::byte* row(bool value, int layer, PageId page, int slot, int head) {
    std::int64_t at = 0;
    for (int l = 0; l < layer; ++l) {
      const KvLayout::Layer& before = layout_.layers[index(l)];
      at += before.kv_heads * (layout_.key_bytes(before) + layout_.value_bytes(before));
    }
    const KvLayout::Layer& geometry = layout_.layers[index(layer)];
    std::int64_t row_bytes = layout_.key_bytes(geometry) / kPageTokens;
    if (value) {
      at += geometry.kv_heads * layout_.key_bytes(geometry);
      row_bytes = layout_.value_bytes(geometry) / kPageTokens;
    }
    return bytes_.data() + offset(page) + at + (slot * geometry.kv_heads + head) * row_bytes;
  }

  KvLayout layout_;
  int page_count_;
  std::vector<std::byte> bytes_;
};

/// Keys and values of one head of a sequence, position by position.
struct History {
  std::vector<Floats> keys, values;

  History(const ReferencePool& pool, int layer, const SequenceSlice& slice, int kv_head) {
    for (int p = 0; p < slice.first_position + slice.token_count; ++p) {
      const PageId page = slice.pages[index(p / kPageTokens)];
      keys.push_back(pool.get(false, layer, page, p % kPageTokens, kv_head));
      values.push_back(pool.get(true, layer, page, p % kPageTokens, kv_head));
    }
  }
};

/// One query of one head over the positions it may see, with the softmax in two passes.
void attend(const History& history, const AttentionShape& shape, int position, int head,
            std::span<const float> q, std::span<float> out) {
  const int stored = static_cast<int>(history.keys.size());
  const int reach = shape.window / 2;
  const int behind = shape.causal ? shape.window - 1 : reach;
  const int first = shape.window > 0 ? std::max(0, position - behind) : 0;
  int last = shape.causal ? position : stored - 1;
  if (!shape.causal && shape.window > 0) last = std::min(last, position + reach);
  std::vector<double> scores;
  double top = -std::numeric_limits<double>::infinity();
  for (int p = first; p <= last; ++p) {
    const Floats& k = history.keys[index(p)];
    double score = 0;
    for (std::size_t i = 0; i < k.size(); ++i) score += static_cast<double>(q[i]) * k[i];
    score *= shape.scale;
    if (shape.softcap > 0) score = shape.softcap * std::tanh(score / shape.softcap);
    if (shape.position_bias != nullptr) {
      const std::int64_t row = static_cast<std::int64_t>(head) * 2 * shape.bias_reach;
      score += shape.position_bias[row + shape.bias_reach + p - position];
    }
    scores.push_back(score);
    top = std::max(top, score);
  }
  double sum = 0;
  if (shape.sinks != nullptr) {
    top = std::max(top, static_cast<double>(shape.sinks[head]));
    sum = std::exp(shape.sinks[head] - top);
  }
  for (double& score : scores) sum += score = std::exp(score - top);
  std::vector<double> total(out.size());
  for (int p = first; p <= last; ++p) {
    const Floats& v = history.values[index(p)];
    for (std::size_t i = 0; i < v.size(); ++i) total[i] += scores[index(p - first)] * v[i];
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(total[i] / sum);
}

/// out[t, r] = scale * sum_c weight[r, c] x[t, c] + bias[r] for one matrix of a stack.
void multiply(Tensor x, const Weight& weight, std::int64_t which, const float* bias, Tensor out) {
  const std::byte* matrix = weight.data + which * weight.rows * weight.row_bytes();
  for (std::int64_t r = 0; r < weight.rows; ++r) {
    const Floats w = expand(weight.type, matrix + r * weight.row_bytes(), weight.cols);
    for (std::int64_t t = 0; t < x.rows; ++t) {
      const std::span<const float> in = x.row(t);
      double sum = 0;
      for (std::size_t c = 0; c < w.size(); ++c) sum += static_cast<double>(w[c]) * in[c];
      if (weight.scale != nullptr) sum *= weight.scale[which];
      if (bias != nullptr) sum += bias[r];
      out.row(t)[index(r)] = static_cast<float>(sum);
    }
  }
}

/// out += scale * b (a x) for one token; a and b are the matrices `which` of their stacks.
void add_low_rank(std::span<const float> x, const LowRank& part, std::int64_t which, float scale,
                  std::span<float> out) {
  if (scale == 0) return;
  Floats inner(index(part.a.rows)), delta(out.size());
  const Tensor row{const_cast<float*>(x.data()), 1, part.a.cols};
  multiply(row, part.a, which, nullptr, {inner.data(), 1, part.a.rows});
  multiply({inner.data(), 1, part.a.rows}, part.b, which, nullptr, {delta.data(), 1, part.b.rows});
  for (std::size_t c = 0; c < out.size(); ++c) out[c] += scale * part.factor * delta[c];
}

/// The same for all tokens of a product.
void add_low_rank(Tensor x, std::span<const LowRank> parts, std::int64_t which, Tensor out) {
  for (const LowRank& part : parts) {
    for (std::int64_t t = 0; t < x.rows; ++t) {
      add_low_rank(x.row(t), part, which, part.scales[index(t)], out.row(t));
    }
  }
}

class ReferenceDevice final : public Device {
 public:
  std::string description() const override { return "reference (scalar, double sums)"; }

  Tensor allocate(std::int64_t rows, std::int64_t cols) override {
    memory_.emplace_back(index(rows * cols));
    return {memory_.back().data(), rows, cols};
  }
  void reset() override { memory_.clear(); }
  Mark mark() const override { return {memory_.size(), 0}; }
  void rewind(Mark mark) override { memory_.resize(mark.block); }
  void prepare(Weight&, int) override {}

  std::unique_ptr<KvPool> make_kv_pool(const KvLayout& layout, int page_count) override {
    return std::make_unique<ReferencePool>(layout, page_count);
  }

  void embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out,
             std::span<const LowRank> low_rank) override {
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      Floats row = expand(table.type, table.row(tokens[t]), table.cols);
      for (const LowRank& part : low_rank) {
        if (part.scales[t] == 0) continue;
        Floats inner = expand(part.a.type, part.a.row(tokens[t]), part.a.cols), delta(row.size());
        multiply({inner.data(), 1, part.a.cols}, part.b, 0, nullptr,
                 {delta.data(), 1, part.b.rows});
        for (std::size_t c = 0; c < row.size(); ++c) {
          row[c] += part.scales[t] * part.factor * delta[c];
        }
      }
      std::transform(row.begin(), row.end(), out.row(static_cast<std::int64_t>(t)).begin(),
                     [scale](float v) { return v * scale; });
    }
  }

  void rms_norm(Tensor x, const float* weight, float eps, Tensor out) override {
    for (std::int64_t t = 0; t < x.rows; ++t) {
      double squares = 0;
      for (const float v : x.row(t)) squares += static_cast<double>(v) * v;
      const double factor = 1 / std::sqrt(squares / static_cast<double>(x.cols) + eps);
      for (std::size_t c = 0; c < index(x.cols); ++c) {
        const double w = weight != nullptr ? weight[c] : 1.0f;
        out.row(t)[c] = static_cast<float>(x.row(t)[c] * factor * w);
      }
    }
  }

  void add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) override {
    add(x, y);
    rms_norm(x, weight, eps, out);
  }

  void layer_norm(Tensor x, const float* weight, const float* bias, float eps,
                  Tensor out) override {
    for (std::int64_t t = 0; t < x.rows; ++t) {
      double sum = 0, squares = 0;
      for (const float v : x.row(t)) sum += v;
      const double mean = sum / static_cast<double>(x.cols);
      for (const float v : x.row(t)) squares += (v - mean) * (v - mean);
      const double factor = 1 / std::sqrt(squares / static_cast<double>(x.cols) + eps);
      for (std::size_t c = 0; c < index(x.cols); ++c) {
        const double w = weight != nullptr ? weight[c] : 1.0f;
        const double b = bias != nullptr ? bias[c] : 0.0f;
        out.row(t)[c] = static_cast<float>((x.row(t)[c] - mean) * factor * w + b);
      }
    }
  }

  void linear(Tensor x, std::span<const Linear> products) override {
    for (const Linear& p : products) {
      multiply(x, *p.weight, 0, p.bias, p.out);
      add_low_rank(x, p.low_rank, 0, p.out);
    }
  }

  void rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
            const Rope& rope) override {
    const std::vector<double> frequencies = rope_frequencies(rope);
    const std::size_t pairs = frequencies.size();
    Floats cos(pairs), sin(pairs);
    for (std::int64_t t = 0; t < x.rows; ++t) {
      rope_angles(rope, frequencies, positions[index(t)], cos, sin);
      for (std::int64_t head = 0; head < x.cols; head += head_dim) {
        for (std::size_t i = 0; i < pairs; ++i) {
          const bool halves = rope.pairing == Rope::Pairing::halves;
          float& a = x.row(t)[index(head) + (halves ? i : 2 * i)];
          float& b = x.row(t)[index(head) + (halves ? i + pairs : 2 * i + 1)];
          const float old = a;
          a = old * cos[i] - b * sin[i];
          b = old * sin[i] + b * cos[i];
        }
      }
    }
  }

  void store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                std::span<const SequenceSlice> sequences) override {
    auto& own = static_cast<ReferencePool&>(pool);
    const KvLayout::Layer& geometry = own.layout().layers[index(layer)];
    for (const SequenceSlice& slice : sequences) {
      for (int i = 0; i < slice.token_count; ++i) {
        const int position = slice.first_position + i;
        const PageId page = slice.pages[index(position / kPageTokens)];
        const std::int64_t token = slice.first_token + i;
        for (int h = 0; h < geometry.kv_heads; ++h) {
          own.put(false, layer, page, position % kPageTokens, h,
                  k.row(token).subspan(index(h * geometry.key_dim), index(geometry.key_dim)));
          own.put(true, layer, page, position % kPageTokens, h,
                  v.row(token).subspan(index(h * geometry.value_dim), index(geometry.value_dim)));
        }
      }
    }
  }

  void move_kv(KvPool& pool, int layer, const Rope* rope, std::span<const KvMove> moves) override {
    auto& own = static_cast<ReferencePool&>(pool);
    const KvLayout::Layer& geometry = own.layout().layers[index(layer)];
    for (const KvMove& move : moves) {
      for (int i = 0; i < move.count; ++i) {
        const int from = move.from + i, to = move.to + i;
        const PageId source = move.from_pages[index(from / kPageTokens)];
        const PageId target = move.to_pages[index(to / kPageTokens)];
        for (int h = 0; h < geometry.kv_heads; ++h) {
          own.copy(true, layer, h, source, from % kPageTokens, target, to % kPageTokens);
          if (rope == nullptr || from == to) {
            own.copy(false, layer, h, source, from % kPageTokens, target, to % kPageTokens);
            continue;
          }
          Floats key = own.get(false, layer, source, from % kPageTokens, h);
          const std::int32_t by[] = {to - from};
          Rope turn = *rope;
          turn.magnitude = 1;  // the keys have it already
          this->rope({key.data(), 1, geometry.key_dim}, geometry.key_dim, by, turn);
          own.put(false, layer, target, to % kPageTokens, h, key);
        }
      }
    }
  }

  void attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                 std::span<const SequenceSlice> sequences, Tensor out) override {
    const auto& own = static_cast<const ReferencePool&>(pool);
    const int group = shape.heads / shape.kv_heads;
    for (const SequenceSlice& slice : sequences) {
      for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
        const History history(own, layer, slice, kv_head);
        for (int i = 0; i < slice.token_count; ++i) {
          const std::int64_t token = slice.first_token + i;
          for (int h = kv_head * group; h < (kv_head + 1) * group; ++h) {
            attend(history, shape, slice.first_position + i, h,
                   q.row(token).subspan(index(h * shape.head_dim), index(shape.head_dim)),
                   out.row(token).subspan(index(h * shape.value_dim), index(shape.value_dim)));
          }
        }
      }
    }
  }

  void gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) override {
    run_ffn(x, ffn.gate, ffn.up, ffn.down, 0, ffn, out);
  }

  void moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) override {
    const std::size_t used = index(moe.shape.used);
    std::vector<std::int32_t> experts(used);
    Floats weights(used), scratch(index(2 * moe.shape.experts)), one(index(x.cols));
    const auto bias_of = [](const float* biases, const Weight* weight, std::int64_t expert) {
      return biases != nullptr && weight != nullptr ? biases + expert * weight->rows : nullptr;
    };
    for (std::int64_t t = 0; t < x.rows; ++t) {
      choose_experts(moe.shape, router_logits.row(t), moe.selection_bias, experts, weights,
                     scratch);
      std::vector<double> total(index(x.cols));
      for (std::size_t i = 0; i < used; ++i) {
        const auto gate = of_token(moe.gate_low_rank, t), up = of_token(moe.up_low_rank, t),
                   down = of_token(moe.down_low_rank, t);
        const GatedFfn expert{.gate_bias = bias_of(moe.gate_bias, moe.gate, experts[i]),
                              .up_bias = bias_of(moe.up_bias, moe.up, experts[i]),
                              .down_bias = bias_of(moe.down_bias, moe.down, experts[i]),
                              .activation = moe.shape.activation,
                              .gate_low_rank = gate,
                              .up_low_rank = up,
                              .down_low_rank = down};
        run_ffn({x.row(t).data(), 1, x.cols}, moe.gate, moe.up, moe.down, experts[i], expert,
                {one.data(), 1, x.cols});
        for (std::size_t c = 0; c < total.size(); ++c) total[c] += weights[i] * one[c];
      }
      std::transform(total.begin(), total.end(), out.row(t).begin(),
                     [](double v) { return static_cast<float>(v); });
    }
  }

  void activate(Tensor x, Activation activation) override {
    for (std::int64_t i = 0; i < x.rows * x.cols; ++i) {
      x.data[i] = gate_value(activation, x.data[i], 1);
    }
  }
  void add(Tensor x, Tensor y) override {
    for (std::int64_t i = 0; i < x.rows * x.cols; ++i) x.data[i] += y.data[i];
  }
  void add_to_rows(Tensor x, std::span<const float> values) override {
    for (std::int64_t t = 0; t < x.rows; ++t) {
      for (std::size_t c = 0; c < values.size(); ++c) x.row(t)[c] += values[c];
    }
  }
  void scale(Tensor x, float factor) override {
    for (std::int64_t i = 0; i < x.rows * x.cols; ++i) x.data[i] *= factor;
  }
  void scale_rows(Tensor x, std::span<const float> factors) override {
    for (std::int64_t t = 0; t < x.rows; ++t) {
      for (float& v : x.row(t)) v *= factors[index(t)];
    }
  }
  void softcap(Tensor x, float c) override {
    for (std::int64_t i = 0; i < x.rows * x.cols; ++i) x.data[i] = c * std::tanh(x.data[i] / c);
  }
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::span<const float> from = x.row(rows[i]);
      std::copy(from.begin(), from.end(), out.row(static_cast<std::int64_t>(i)).begin());
    }
  }

 private:
  /// One matrix `which` of each stack; biases and activation from `how`.
  static void run_ffn(Tensor x, const Weight* gate, const Weight* up, const Weight* down,
                      std::int64_t which, const GatedFfn& how, Tensor out) {
    Floats up_values(index(x.rows * up->rows)), gate_values(up_values.size());
    const Tensor inner{up_values.data(), x.rows, up->rows};
    multiply(x, *up, which, how.up_bias, inner);
    add_low_rank(x, how.up_low_rank, which, inner);
    if (gate != nullptr) {
      const Tensor gates{gate_values.data(), x.rows, gate->rows};
      multiply(x, *gate, which, how.gate_bias, gates);
      add_low_rank(x, how.gate_low_rank, which, gates);
      for (std::size_t i = 0; i < up_values.size(); ++i) {
        up_values[i] = gate_value(how.activation, gate_values[i], up_values[i]);
      }
    } else {
      for (float& v : up_values) v = gate_value(how.activation, v, 1);
    }
    multiply(inner, *down, which, how.down_bias, out);
    add_low_rank(inner, how.down_low_rank, which, out);
  }

  static std::vector<LowRank> of_token(std::span<const LowRank> parts, std::int64_t token) {
    std::vector<LowRank> own(parts.begin(), parts.end());
    for (LowRank& part : own) part.scales = part.scales.subspan(index(token), 1);
    return own;
  }

  std::deque<Floats> memory_;
};

}  // namespace

float gate_value(Activation activation, float gate, float up) {
  const double g = gate;
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  switch (activation) {
    case Activation::silu:
      return static_cast<float>(g * sigmoid(g) * up);
    case Activation::gelu:
      return static_cast<float>(
          0.5 * g * (1 + std::tanh(0.7978845608028654 * g * (1 + 0.044715 * g * g))) * up);
    case Activation::gelu_erf:
      return static_cast<float>(0.5 * g * (1 + std::erf(g / 1.4142135623730951)) * up);
    case Activation::relu:
      return std::max(gate, 0.0f) * up;
    case Activation::relu_squared:
      return gate > 0 ? gate * gate * up : 0.0f;
    case Activation::swiglu_oai: {
      const double low = std::min(g, 7.0);
      return static_cast<float>(low * sigmoid(1.702 * low) *
                                (std::clamp(static_cast<double>(up), -7.0, 7.0) + 1));
    }
  }
  return 0;
}

std::unique_ptr<Device> make_reference_device() {
  return std::make_unique<ReferenceDevice>();
}

}  // namespace llm::compute
