// One suite of operations over every device and instruction set, compared with the reference
// device. Matrix products have more cases of their own in linear_test.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "compute/device_pair.h"
#include "compute/moe_routing.h"

namespace llm::compute {
namespace {

class Ops : public DevicePair {
 protected:
  bool runs_on_fibres() const { return GetParam() == std::string_view("cuda_on_cpu"); }
  /// Tokens of a long sequence: over a range of positions and a half, but where that takes minutes.
  int longest() const { return runs_on_fibres() ? 130 : 600; }
  /// Cache types that only some devices have.
  bool has_cache(quant::Type type) const {
    return type != quant::Type::iq4_nl || !std::string_view(GetParam()).starts_with("cuda");
  }
};

// Widths with and without tails, one row and enough rows for several threads.
constexpr std::pair<int, int> kShapes[] = {{1, 1},   {3, 7},    {2, 64},
                                           {5, 100}, {1, 4096}, {300, 288}};

TEST_P(Ops, Norms) {
  for (const auto& shape : kShapes) {
    const int rows = shape.first, cols = shape.second;
    const Floats x = random_floats(rows * cols), y = random_floats(rows * cols, 2, 4);
    const Floats weight = random_floats(cols, 1, 5), bias = random_floats(cols, 1, 6);
    keep({&weight, &bias});
    for (const float* w : {weight.data(), static_cast<const float*>(nullptr)}) {
      compare([&](Device& d) {
        const Tensor in = put(d, x, cols), out = d.allocate(rows, cols);
        d.rms_norm(in, w, 1e-5f, out);
        return out;
      });
      compare([&](Device& d) {
        const Tensor in = put(d, x, cols);
        d.rms_norm(in, w, 1e-5f, in);
        return in;
      });
      compare([&](Device& d) {
        const Tensor sum = put(d, x, cols), out = d.allocate(rows, cols);
        d.add_rms_norm(sum, put(d, y, cols), w, 1e-5f, out);
        d.add(out, sum);
        return out;
      });
      compare(
          [&](Device& d) {
            const Tensor in = put(d, x, cols), out = d.allocate(rows, cols);
            d.layer_norm(in, w, w != nullptr ? bias.data() : nullptr, 1e-5f, out);
            return out;
          },
          1e-5);
    }
  }
}

TEST_P(Ops, ElementByElement) {
  for (const auto& shape : kShapes) {
    const int rows = shape.first, cols = shape.second;
    const Floats x = random_floats(rows * cols, 20), y = random_floats(rows * cols, 1, 4);
    compare([&](Device& d) {
      const Tensor t = put(d, x, cols);
      d.add(t, put(d, y, cols));
      d.add_to_rows(t, std::span(y).first(static_cast<std::size_t>(cols)));
      d.scale(t, 0.37f);
      d.scale_rows(t, y);
      return t;
    });
    compare([&](Device& d) {
      const Tensor t = put(d, x, cols);
      d.softcap(t, 30.0f);
      return t;
    });
  }
}

TEST_P(Ops, ActivatesElementByElement) {
  for (const auto& shape : kShapes) {
    const int rows = shape.first, cols = shape.second;
    const Floats values = random_floats(static_cast<std::int64_t>(rows) * cols, 2);
    const int width = cols;
    for (const Activation a : {Activation::gelu, Activation::gelu_erf, Activation::silu}) {
      compare([&](Device& d) {
        const Tensor x = put(d, values, width);
        d.activate(x, a);
        return x;
      });
    }
  }
}

TEST_P(Ops, GatherRows) {
  const Floats x = random_floats(40 * 33);
  const std::int32_t rows[] = {39, 0, 0, 17, 4};
  compare([&](Device& d) {
    const Tensor out = d.allocate(5, 33);
    d.gather_rows(put(d, x, 33), rows, out);
    return out;
  });
}

TEST_P(Ops, EmbedLooksUpAndScales) {
  const Floats table = random_floats(50 * 96);
  const Weight weight{quant::Type::f32, reinterpret_cast<const std::byte*>(table.data()), 50, 96};
  const TokenId tokens[] = {49, 3, 3, 0};
  for (const float scale : {1.0f, 9.8f}) {
    compare([&](Device& d) {
      const Tensor out = d.allocate(4, 96);
      d.embed(weight, tokens, scale, out);
      return out;
    });
  }
}

TEST_P(Ops, RopeOfBothPairings) {
  const Floats factors = {1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 1, 1, 3, 3, 3, 3};
  std::vector<std::int32_t> positions;
  for (int i = 0; i < 40; ++i) positions.push_back(i * i * 71);
  for (const auto pairing : {Rope::Pairing::adjacent, Rope::Pairing::halves}) {
    for (const int rotated : {2, 8, 32, 40, 100}) {
      const Floats x = random_floats(40 * 3 * 100);
      for (const bool yarn : {false, true}) {
        Rope rope{.pairing = pairing, .rotated = rotated, .base = 500000.0f, .freq_scale = 0.25f};
        if (yarn) {
          rope.ext_factor = 1;
          rope.magnitude = 1.14f;
          rope.original_context = 4096;
        }
        if (rotated == 32) rope.freq_factors = factors.data();
        compare([&](Device& d) {
          const Tensor t = put(d, x, 3 * 100);
          d.rope(t, 100, positions, rope);
          d.rope(t, 100, positions, rope);  // from the table of the step
          return t;
        });
      }
    }
  }
}

TEST_P(Ops, FeedForwardOfEveryActivation) {
  constexpr int kWidth = 48, kInner = 84;
  const Floats gate = random_floats(kInner * kWidth, 0.2f, 1),
               up = random_floats(kInner * kWidth, 0.2f, 2);
  const Floats down = random_floats(kInner * kWidth, 0.2f, 3), bias = random_floats(kInner, 1, 4);
  const auto matrix = [](const Floats& values, int rows, int cols) {
    return Weight{quant::Type::f32, reinterpret_cast<const std::byte*>(values.data()), rows, cols};
  };
  Weight g = matrix(gate, kInner, kWidth), u = matrix(up, kInner, kWidth),
         o = matrix(down, kWidth, kInner);
  prepare({&g, &u, &o});
  keep({&bias});
  for (const auto activation :
       {Activation::silu, Activation::gelu, Activation::gelu_erf, Activation::relu,
        Activation::relu_squared, Activation::swiglu_oai}) {
    for (const int tokens : {1, 37}) {
      const Floats x = random_floats(tokens * kWidth, 3);
      for (const bool gated : {true, false}) {
        if (!gated && activation == Activation::swiglu_oai) continue;
        compare(
            [&](Device& d) {
              const Tensor out = d.allocate(tokens, kWidth);
              d.gated_ffn(put(d, x, kWidth),
                          {.gate = gated ? &g : nullptr,
                           .up = &u,
                           .down = &o,
                           .gate_bias = bias.data(),
                           .up_bias = bias.data(),
                           .down_bias = bias.data(),
                           .activation = activation},
                          out);
              return out;
            },
            5e-6);
      }
    }
  }
}

TEST_P(Ops, MixturesOfExperts) {
  constexpr int kWidth = 32, kInner = 20, kExperts = 7;
  const Floats gate = random_floats(kExperts * kInner * kWidth, 0.2f, 1);
  const Floats up = random_floats(kExperts * kInner * kWidth, 0.2f, 2);
  const Floats down = random_floats(kExperts * kInner * kWidth, 0.2f, 3);
  const Floats bias = random_floats(kExperts, 1, 4), factors = random_floats(kExperts, 1, 5);
  const auto stack = [](const Floats& values, int rows, int cols) {
    return Weight{quant::Type::f32, reinterpret_cast<const std::byte*>(values.data()), rows, cols,
                  kExperts};
  };
  const Floats biases = random_floats(kExperts * kWidth + 10, 1, 6);
  Weight g = stack(gate, kInner, kWidth), u = stack(up, kInner, kWidth),
         o = stack(down, kWidth, kInner);
  u.scale = factors.data();
  prepare({&g, &u, &o});
  keep({&bias, &factors, &biases});
  using Gating = MoeShape::Gating;
  for (const Gating gating : {Gating::softmax, Gating::sigmoid, Gating::softmax_after_top_k}) {
    for (const int tokens : {1, 50}) {
      const Floats x = random_floats(tokens * kWidth),
                   logits = random_floats(tokens * kExperts, 2, 9);
      Device::MoeFfn moe{.gate = tokens == 1 ? nullptr : &g, .up = &u, .down = &o};
      moe.shape = {.experts = kExperts, .used = 3, .gating = gating};
      moe.shape.normalize_weights = gating != Gating::softmax;
      moe.shape.weights_scale = gating == Gating::sigmoid ? 2.5f : 0;
      if (gating == Gating::sigmoid) moe.selection_bias = bias.data();
      if (gating == Gating::softmax) {
        moe.gate_bias = moe.up_bias = biases.data();
        moe.down_bias = biases.data() + 10;
      }
      compare(
          [&](Device& d) {
            const Tensor out = d.allocate(tokens, kWidth);
            d.moe_ffn(put(d, x, kWidth), put(d, logits, kExperts), moe, out);
            return out;
          },
          5e-6);
    }
  }
}

TEST(MoeRouting, GroupsWithTheBestPairsAreKept) {
  const MoeShape shape{.experts = 6,
                       .used = 3,
                       .gating = MoeShape::Gating::softmax_after_top_k,
                       .normalize_weights = false,
                       .groups = 3,
                       .groups_used = 2};
  // Group scores: 4.5, 6 and 5.9; the best expert is in the worst group.
  const Floats logits = {5, -0.5f, 3, 3, 4, 1.9f};
  std::int32_t experts[3];
  float weights[3], scratch[12];
  choose_experts(shape, logits, nullptr, experts, weights, scratch);
  EXPECT_EQ(std::vector(experts, experts + 3), (std::vector<std::int32_t>{4, 2, 3}));
  EXPECT_NEAR(weights[0], std::exp(4.0) / (std::exp(4.0) + 2 * std::exp(3.0)), 1e-6);
}

TEST_P(Ops, NothingHappensToNoRows) {
  const Floats weight = random_floats(8 * 8);
  Weight w{quant::Type::f32, reinterpret_cast<const std::byte*>(weight.data()), 8, 8};
  prepare({&w});
  const Tensor none = device_->allocate(0, 8), out = device_->allocate(0, 8);
  const Linear product{&w, nullptr, out};
  device_->linear(none, {&product, 1});
  device_->rms_norm(none, nullptr, 1e-5f, out);
  device_->add(none, out);
  device_->gated_ffn(none, {.gate = &w, .up = &w, .down = &w}, out);
  device_->gather_rows(none, {}, out);
}

struct AttentionCase {
  const char* name;
  AttentionShape shape;
  quant::Type keys = quant::Type::f32, values = quant::Type::f32;
  double tolerance = 3e-6;
};

// Devices round a cache value by the same rule, but q + k arrive with different last bits.
const AttentionCase kAttention[] = {
    {"grouped", {.heads = 8, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.125f}},
    {"many_heads", {.heads = 6, .kv_heads = 6, .head_dim = 40, .value_dim = 24, .scale = 0.2f}},
    {"one_kv_head", {.heads = 71, .kv_heads = 1, .head_dim = 16, .value_dim = 16, .scale = 0.25f}},
    {"seven", {.heads = 14, .kv_heads = 2, .head_dim = 128, .value_dim = 128, .scale = 0.09f}},
    {"tiny", {.heads = 2, .kv_heads = 1, .head_dim = 2, .value_dim = 3, .scale = 1}},
    {"window",
     {.heads = 4, .kv_heads = 2, .head_dim = 32, .value_dim = 32, .scale = 0.2f, .window = 45}},
    {"window_of_one",
     {.heads = 4, .kv_heads = 2, .head_dim = 32, .value_dim = 32, .scale = 0.2f, .window = 1}},
    {"softcap",
     {.heads = 4, .kv_heads = 4, .head_dim = 32, .value_dim = 32, .scale = 1, .softcap = 5},
     quant::Type::f32,
     quant::Type::f32,
     1e-5},
    {"f16",
     {.heads = 8, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.125f},
     quant::Type::f16,
     quant::Type::f16},
    {"bf16_tail",
     {.heads = 6, .kv_heads = 2, .head_dim = 72, .value_dim = 72, .scale = 0.125f},
     quant::Type::bf16,
     quant::Type::bf16},
    {"q8_0",
     {.heads = 8, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.125f},
     quant::Type::q8_0,
     quant::Type::q8_0,
     2e-5},
    {"q8_0_unrotated",
     {.heads = 4, .kv_heads = 2, .head_dim = 96, .value_dim = 80, .scale = 0.1f},
     quant::Type::q8_0,
     quant::Type::q8_0,
     2e-5},
    {"q4_0",
     {.heads = 4, .kv_heads = 2, .head_dim = 128, .value_dim = 64, .scale = 0.1f},
     quant::Type::q4_0,
     quant::Type::q4_0,
     2e-5},
    {"q4_1_q5_1",
     {.heads = 4, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.1f},
     quant::Type::q4_1,
     quant::Type::q5_1,
     2e-5},
    {"f16_q4_0",
     {.heads = 4, .kv_heads = 2, .head_dim = 48, .value_dim = 40, .scale = 0.1f},
     quant::Type::f16,
     quant::Type::q4_0,
     2e-5},
};

/// Three sequences: a long one in two batches, a short one, and one token of a third.
Tensor run_attention(Device& d, const AttentionCase& c, const float* sinks, int longest) {
  AttentionShape shape = c.shape;
  shape.sinks = sinks;
  const KvLayout layout{.layers = {{shape.kv_heads, shape.head_dim, shape.value_dim},
                                   {shape.kv_heads, shape.head_dim, shape.value_dim}},
                        .key_type = c.keys,
                        .value_type = c.values};
  constexpr int kPages = 2 * 22 + 1;
  const int first_part = longest - 30;
  const auto pool = d.make_kv_pool(layout, kPages);
  std::vector<PageId> first, second, third;
  for (int i = 0; i < 22; ++i) {
    first.push_back(PageId{2 * i + 1});
    second.push_back(PageId{kPages - 1 - 2 * i});
  }
  third.push_back(PageId{0});
  second.resize(3);
  const auto slices = [&](int token, int count, int position, std::span<const PageId> pages) {
    return SequenceSlice{token, count, position, pages};
  };
  const SequenceSlice before[] = {slices(0, first_part, 0, first)};
  const SequenceSlice now[] = {slices(0, 1, 0, third), slices(1, 30, first_part, first),
                               slices(31, 50, 0, second)};
  const int tokens = 81;
  const auto fill = [&](int rows, int cols, float deviation, unsigned seed) {
    const Floats values = random_floats(static_cast<std::int64_t>(rows) * cols, deviation, seed);
    const Tensor t = d.allocate(rows, cols);
    d.from_host(values, t);
    return t;
  };
  const int k_cols = shape.kv_heads * shape.head_dim, v_cols = shape.kv_heads * shape.value_dim;
  d.store_kv(*pool, 1, fill(first_part, k_cols, 1, 1), fill(first_part, v_cols, 1, 2), before);
  d.store_kv(*pool, 0, fill(first_part, k_cols, 1, 3), fill(first_part, v_cols, 1, 4), before);
  d.store_kv(*pool, 1, fill(tokens, k_cols, 1, 5), fill(tokens, v_cols, 1, 6), now);
  const Tensor q = fill(tokens, shape.heads * shape.head_dim, 2, 7);
  const Tensor out = d.allocate(tokens, shape.heads * shape.value_dim);
  d.attention(*pool, 1, q, shape, now, out);
  return out;
}

/// Whole sequences: a long one, one of 33 tokens and one of 1.
Tensor attend_both_ways(Device& d, const AttentionShape& shape, quant::Type type, int longest) {
  const KvLayout layout{.layers = {{shape.kv_heads, shape.head_dim, shape.value_dim}},
                        .key_type = type,
                        .value_type = type};
  constexpr int kPages = 22;
  const auto pool = d.make_kv_pool(layout, kPages);
  std::vector<PageId> pages;
  for (int i = 0; i < kPages; ++i) pages.push_back(PageId{(i * 5) % kPages});
  const std::span<const PageId> all = pages;
  const SequenceSlice slices[] = {{0, 1, 0, all.subspan(0, 1)},
                                  {1, longest, 0, all.subspan(1, 19)},
                                  {1 + longest, 33, 0, all.subspan(20, 2)}};
  const int tokens = 1 + longest + 33;
  const auto fill = [&](int cols, unsigned seed) {
    const Floats values = random_floats(tokens * static_cast<std::int64_t>(cols), 1, seed);
    const Tensor t = d.allocate(tokens, cols);
    d.from_host(values, t);
    return t;
  };
  d.store_kv(*pool, 0, fill(shape.kv_heads * shape.head_dim, 1),
             fill(shape.kv_heads * shape.value_dim, 2), slices);
  const Tensor out = d.allocate(tokens, shape.heads * shape.value_dim);
  d.attention(*pool, 0, fill(shape.heads * shape.head_dim, 3), shape, slices, out);
  return out;
}

TEST_P(Ops, AttentionBothWays) {
  // A query sees the tokens behind it too, over several pages and ranges.
  AttentionShape shape{.heads = 6, .kv_heads = 2, .head_dim = 40, .value_dim = 24, .scale = 0.2f};
  shape.causal = false;
  constexpr int kReach = 640;
  const Floats bias = random_floats(6 * 2 * kReach, 0.5f);
  keep({&bias});
  for (const int window : {0, 1, 2, 45, 90, 1100}) {
    for (const bool is_biased : {false, true}) {
      SCOPED_TRACE(window);
      shape.window = window;
      shape.position_bias = is_biased ? bias.data() : nullptr;
      shape.bias_reach = is_biased ? kReach : 0;
      const quant::Type type = is_biased ? quant::Type::f16 : quant::Type::f32;
      compare([&](Device& d) { return attend_both_ways(d, shape, type, longest()); }, 3e-6);
    }
  }
}

TEST_P(Ops, PositionBiasOfCausalAttention) {
  AttentionCase c{"biased",
                  {.heads = 8, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.125f}};
  c.shape.bias_reach = 640;
  const Floats bias = random_floats(8 * 2 * 640, 0.5f);
  keep({&bias});
  c.shape.position_bias = bias.data();
  compare([&](Device& d) { return run_attention(d, c, nullptr, longest()); }, c.tolerance);
}

TEST_P(Ops, Attention) {
  for (const AttentionCase& c : kAttention) {
    SCOPED_TRACE(c.name);
    compare([&](Device& d) { return run_attention(d, c, nullptr, longest()); }, c.tolerance);
    if (&c - kAttention > 3) continue;
    const Floats sinks = random_floats(c.shape.heads, 3);
    keep({&sinks});
    compare([&](Device& d) { return run_attention(d, c, sinks.data(), longest()); }, c.tolerance);
  }
}

TEST_P(Ops, LaterTokensNeverReachEarlierOnes) {
  // A NaN in the last token's key and value stays in the last token's result.
  AttentionCase c = kAttention[0];
  const KvLayout layout{.layers = {{2, 64, 64}}, .key_type = c.keys, .value_type = c.values};
  const auto pool = device_->make_kv_pool(layout, 2);
  const std::vector<PageId> pages = {PageId{1}, PageId{0}};
  const Floats values = random_floats(40 * 8 * 64);
  const Tensor q = put(*device_, values, 8 * 64);
  Floats broken(values.begin(), values.begin() + 40 * 128);
  std::fill(broken.end() - 128, broken.end(), std::numeric_limits<float>::quiet_NaN());
  const Tensor k = put(*device_, broken, 128), v = put(*device_, broken, 128);
  const SequenceSlice slice{0, 40, 0, pages};
  device_->store_kv(*pool, 0, k, v, {&slice, 1});
  const Tensor out = device_->allocate(40, 8 * 64);
  device_->attention(*pool, 0, q, c.shape, {&slice, 1}, out);
  const Tensor seen = device_->to_host(out);
  for (int t = 0; t < 39; ++t) {
    for (const float x : seen.row(t)) ASSERT_TRUE(std::isfinite(x)) << t;
  }
  for (const float x : seen.row(39)) ASSERT_TRUE(std::isnan(x));
}

TEST_P(Ops, NaNStaysNaNAcrossRanges) {
  // All keys of the first range are NaN, those of the second are not.
  constexpr int kTokens = 600;
  const AttentionShape shape{
      .heads = 2, .kv_heads = 1, .head_dim = 16, .value_dim = 16, .scale = 1};
  const KvLayout layout{
      .layers = {{1, 16, 16}}, .key_type = quant::Type::f32, .value_type = quant::Type::f32};
  const auto pool = device_->make_kv_pool(layout, 19);
  std::vector<PageId> pages;
  for (int i = 0; i < 19; ++i) pages.push_back(PageId{i});
  Floats keys = random_floats(kTokens * 16);
  for (std::size_t t = 0; t < 512; ++t) keys[16 * t + 3] = std::numeric_limits<float>::quiet_NaN();
  const Tensor k = put(*device_, keys, 16);
  const Tensor v = put(*device_, random_floats(kTokens * 16), 16);
  const Tensor q = put(*device_, random_floats(kTokens * 32), 32);
  const SequenceSlice slice{0, kTokens, 0, pages};
  device_->store_kv(*pool, 0, k, v, {&slice, 1});
  const Tensor out = device_->allocate(kTokens, 32);
  device_->attention(*pool, 0, q, shape, {&slice, 1}, out);
  const Tensor seen = device_->to_host(out);
  for (int t = 0; t < kTokens; ++t) {
    for (const float x : seen.row(t)) ASSERT_TRUE(std::isnan(x)) << t;
  }
}

struct MoveCase {
  Rope::Pairing pairing;
  quant::Type keys, values;
  double tolerance;
};

constexpr int kMoved = 180;  // tokens in the cache before the move

/// Tokens [21, 21 + by) go, what is behind them moves down; in place, or to pages of its own.
/// The result is what queries at the end see then.
Tensor attend_moved(Device& d, const MoveCase& c, int by, bool in_place) {
  const AttentionShape shape{
      .heads = 4, .kv_heads = 2, .head_dim = 72, .value_dim = 40, .scale = 0.15f};
  const AttentionShape whole{
      .heads = 4, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.15f};
  const AttentionShape& s = by % 2 == 0 ? shape : whole;
  const KvLayout::Layer layer{s.kv_heads, s.head_dim, s.value_dim};
  const KvLayout layout{.layers = {layer, layer}, .key_type = c.keys, .value_type = c.values};
  const auto pool = d.make_kv_pool(layout, 12);
  std::vector<PageId> old_pages, new_pages;
  for (int i = 0; i < 6; ++i) old_pages.push_back(PageId{(i * 7) % 12});
  for (int i = 0; i < 6; ++i) new_pages.push_back(PageId{(6 + i) * 7 % 12});
  const auto fill = [&](int rows, int cols, unsigned seed) {
    const Floats values = random_floats(static_cast<std::int64_t>(rows) * cols, 1, seed);
    const Tensor t = d.allocate(rows, cols);
    d.from_host(values, t);
    return t;
  };
  Rope rope{.pairing = c.pairing, .rotated = s.head_dim - 8, .base = 500, .magnitude = 1.3f};
  std::vector<std::int32_t> positions;
  for (int p = 0; p < kMoved; ++p) positions.push_back(p);
  const SequenceSlice before{0, kMoved, 0, old_pages};
  const Tensor k = fill(kMoved, s.kv_heads * s.head_dim, 1);
  d.rope(k, s.head_dim, positions, rope);
  d.store_kv(*pool, 1, k, fill(kMoved, s.kv_heads * s.value_dim, 2), {&before, 1});
  const std::vector<PageId>& pages = in_place ? old_pages : new_pages;
  const KvMove moves[] = {{old_pages, 0, pages, 0, 21},
                          {old_pages, 21 + by, pages, 21, kMoved - 21 - by}};
  d.move_kv(*pool, 1, &rope, moves);
  const SequenceSlice now{0, 2, kMoved - by - 2, pages};
  const Tensor q = fill(2, s.heads * s.head_dim, 3);
  const Tensor out = d.allocate(2, s.heads * s.value_dim);
  d.attention(*pool, 1, q, s, {&now, 1}, out);
  return out;
}

using quant::Type;
// Devices turn by the same angles with other last bits, so that a block may round up here and down
// there.
const MoveCase kMoves[] = {
    {Rope::Pairing::adjacent, Type::f32, Type::f32, 5e-6},
    {Rope::Pairing::halves, Type::f32, Type::f16, 5e-6},
    {Rope::Pairing::adjacent, Type::f16, Type::f16, 3e-4},
    {Rope::Pairing::halves, Type::bf16, Type::bf16, 3e-3},
    {Rope::Pairing::halves, Type::q8_0, Type::q8_0, 3e-3},
    {Rope::Pairing::adjacent, Type::q4_0, Type::q8_0, 3e-2},
    {Rope::Pairing::adjacent, Type::q5_1, Type::q4_0, 2e-2},
    {Rope::Pairing::halves, Type::iq4_nl, Type::q5_0, 3e-2},
};

TEST_P(Ops, KeysMoveToOtherPositions) {
  for (const MoveCase& c : kMoves) {
    if (!has_cache(c.keys) || !has_cache(c.values)) continue;
    for (const int by : {0, 1, 12, 32, 77, 150}) {
      for (const bool in_place : {false, true}) {
        SCOPED_TRACE(testing::Message() << &c - kMoves << " by " << by << " in place " << in_place);
        compare([&](Device& d) { return attend_moved(d, c, by, in_place); }, c.tolerance);
      }
    }
  }
}

TEST_P(Ops, MovingInPlaceIsMovingToOtherPages) {
  for (const MoveCase& c : kMoves) {
    if (!has_cache(c.keys) || !has_cache(c.values)) continue;
    for (const int by : {0, 3, 31, 64, 150}) {
      SCOPED_TRACE(testing::Message() << &c - kMoves << " by " << by);
      const Tensor there = device_->to_host(attend_moved(*device_, c, by, false));
      const Tensor here = device_->to_host(attend_moved(*device_, c, by, true));
      for (std::int64_t i = 0; i < here.rows * here.cols; ++i) {
        ASSERT_EQ(here.data[i], there.data[i]) << "at " << i;
      }
    }
  }
}

TEST_P(Ops, MovedKeysAreThoseOfTheNewPosition) {
  // Relative positions are what attention sees: all keys and the query moved by as much give the
  // same result.
  const MoveCase c{Rope::Pairing::adjacent, Type::f32, Type::f32, 0};
  const KvLayout layout{.layers = {{1, 64, 64}}, .key_type = c.keys, .value_type = c.values};
  const AttentionShape shape{
      .heads = 1, .kv_heads = 1, .head_dim = 64, .value_dim = 64, .scale = 0.1f};
  const Rope rope{.pairing = c.pairing, .rotated = 64};
  const auto pool = device_->make_kv_pool(layout, 8);
  std::vector<PageId> pages, others;
  for (int i = 0; i < 4; ++i) pages.push_back(PageId{i}), others.push_back(PageId{7 - i});
  std::vector<std::int32_t> positions;
  for (int p = 0; p < 128; ++p) positions.push_back(p);
  const Tensor k = put(*device_, random_floats(128 * 64), 64);
  const Tensor v = put(*device_, random_floats(128 * 64, 1, 9), 64);
  device_->rope(k, 64, positions, rope);
  const SequenceSlice stored{0, 128, 0, pages};
  device_->store_kv(*pool, 0, k, v, {&stored, 1});
  AttentionShape window = shape;
  window.window = 40;
  const auto ask = [&](int position, std::span<const PageId> table) {
    const Tensor q = put(*device_, random_floats(64, 1, 4), 64);
    const std::int32_t at[] = {position};
    device_->rope(q, 64, at, rope);
    const SequenceSlice one{0, 1, position, table};
    const Tensor out = device_->allocate(1, 64);
    device_->attention(*pool, 0, q, window, {&one, 1}, out);
    return device_->to_host(out);
  };
  const Tensor before = ask(127, pages);
  const KvMove move{pages, 80, others, 43, 48};
  device_->move_kv(*pool, 0, &rope, {&move, 1});
  const Tensor after = ask(90, others);
  for (int c2 = 0; c2 < 64; ++c2) ASSERT_NEAR(after.row(0)[c2], before.row(0)[c2], 1e-5);
}

TEST_P(Ops, PagesCanBeSavedAndRestored) {
  const KvLayout layout{.layers = {{2, 64, 64}, {1, 32, 16}},
                        .key_type = quant::Type::f16,
                        .value_type = quant::Type::f32};
  const auto pool = device_->make_kv_pool(layout, 3);
  EXPECT_EQ(layout.page_bytes(), 32 * (2 * (64 * 2 + 64 * 4) + 32 * 2 + 16 * 4));
  std::vector<std::byte> bytes(static_cast<std::size_t>(layout.page_bytes()));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  pool->write_page(PageId{1}, bytes.data());
  std::vector<std::byte> back(bytes.size()), next(bytes.size());
  pool->read_page(PageId{1}, back.data());
  pool->read_page(PageId{2}, next.data());
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(next, std::vector<std::byte>(bytes.size()));
}

TEST(KvPool, RefusesTypesThatACacheCannotHave) {
  const auto device = make_cpu_device({.threads = 1});
  const KvLayout layout{.layers = {{1, 256, 256}}, .key_type = quant::Type::q4_k};
  EXPECT_THROW(device->make_kv_pool(layout, 1), Error);
}

INSTANTIATE_TEST_SUITE_P(Isa, Ops, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

}  // namespace
}  // namespace llm::compute
