// One suite of operations over every device and instruction set, compared with the reference
// device. Matrix products have more cases of their own in linear_test.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "base/error.h"
#include "compute/moe_routing.h"
#include "compute/reference.h"

namespace llm::compute {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::int64_t count, float deviation = 1.0f, unsigned seed = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  Floats values(static_cast<std::size_t>(count));
  for (float& v : values) v = normal(random);
  return values;
}

class Ops : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    try {
      device_ = make_cpu_device({.threads = 3, .isa = GetParam()});
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  static Tensor put(Device& device, const Floats& values, std::int64_t cols) {
    const Tensor t = device.allocate(
        static_cast<std::int64_t>(values.size()) / std::max<std::int64_t>(cols, 1), cols);
    std::copy(values.begin(), values.end(), t.data);
    return t;
  }

  /// Runs the same calls on both devices and compares the tensors that come back.
  void compare(const std::function<Tensor(Device&)>& run, double tolerance = 2e-6) {
    const Tensor found = run(*device_), expected = run(*reference_);
    ASSERT_EQ(found.rows, expected.rows);
    ASSERT_EQ(found.cols, expected.cols);
    double scale = 1e-6;
    for (std::int64_t i = 0; i < expected.rows * expected.cols; ++i) {
      scale = std::max(scale, std::abs(static_cast<double>(expected.data[i])));
    }
    for (std::int64_t i = 0; i < expected.rows * expected.cols; ++i) {
      ASSERT_NEAR(found.data[i], expected.data[i], tolerance * scale) << "at " << i;
    }
    device_->reset();
    reference_->reset();
  }

  std::unique_ptr<Device> device_;
  std::unique_ptr<Device> reference_ = make_reference_device();
};

// Widths with and without tails, one row and enough rows for several threads.
constexpr std::pair<int, int> kShapes[] = {{1, 1},   {3, 7},    {2, 64},
                                           {5, 100}, {1, 4096}, {300, 288}};

TEST_P(Ops, Norms) {
  for (const auto& [rows, cols] : kShapes) {
    const Floats x = random_floats(rows * cols), y = random_floats(rows * cols, 2, 4);
    const Floats weight = random_floats(cols, 1, 5), bias = random_floats(cols, 1, 6);
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
  for (const auto& [rows, cols] : kShapes) {
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
  for (const auto& [rows, cols] : kShapes) {
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
  const Weight g = matrix(gate, kInner, kWidth), u = matrix(up, kInner, kWidth),
               o = matrix(down, kWidth, kInner);
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
  const Weight w{quant::Type::f32, reinterpret_cast<const std::byte*>(weight.data()), 8, 8};
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
Tensor run_attention(Device& d, const AttentionCase& c, const float* sinks) {
  AttentionShape shape = c.shape;
  shape.sinks = sinks;
  const KvLayout layout{.layers = {{shape.kv_heads, shape.head_dim, shape.value_dim},
                                   {shape.kv_heads, shape.head_dim, shape.value_dim}},
                        .key_type = c.keys,
                        .value_type = c.values};
  constexpr int kLong = 600, kPages = 2 * 22 + 1;
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
  const SequenceSlice before[] = {slices(0, 570, 0, first)};
  const SequenceSlice now[] = {slices(0, 1, 0, third), slices(1, kLong - 570, 570, first),
                               slices(1 + kLong - 570, 50, 0, second)};
  const int tokens = 1 + kLong - 570 + 50;
  const auto fill = [&](int rows, int cols, float deviation, unsigned seed) {
    const Floats values = random_floats(static_cast<std::int64_t>(rows) * cols, deviation, seed);
    const Tensor t = d.allocate(rows, cols);
    std::copy(values.begin(), values.end(), t.data);
    return t;
  };
  const int k_cols = shape.kv_heads * shape.head_dim, v_cols = shape.kv_heads * shape.value_dim;
  d.store_kv(*pool, 1, fill(570, k_cols, 1, 1), fill(570, v_cols, 1, 2), before);
  d.store_kv(*pool, 0, fill(570, k_cols, 1, 3), fill(570, v_cols, 1, 4), before);
  d.store_kv(*pool, 1, fill(tokens, k_cols, 1, 5), fill(tokens, v_cols, 1, 6), now);
  const Tensor q = fill(tokens, shape.heads * shape.head_dim, 2, 7);
  const Tensor out = d.allocate(tokens, shape.heads * shape.value_dim);
  d.attention(*pool, 1, q, shape, now, out);
  return out;
}

/// Whole sequences of 600, 33 and 1 tokens.
Tensor attend_both_ways(Device& d, const AttentionShape& shape, quant::Type type) {
  const KvLayout layout{.layers = {{shape.kv_heads, shape.head_dim, shape.value_dim}},
                        .key_type = type,
                        .value_type = type};
  constexpr int kPages = 22;
  const auto pool = d.make_kv_pool(layout, kPages);
  std::vector<PageId> pages;
  for (int i = 0; i < kPages; ++i) pages.push_back(PageId{(i * 5) % kPages});
  const std::span<const PageId> all = pages;
  const SequenceSlice slices[] = {{0, 1, 0, all.subspan(0, 1)},
                                  {1, 600, 0, all.subspan(1, 19)},
                                  {601, 33, 0, all.subspan(20, 2)}};
  const auto fill = [&](int cols, unsigned seed) {
    const Floats values = random_floats(634 * static_cast<std::int64_t>(cols), 1, seed);
    const Tensor t = d.allocate(634, cols);
    std::copy(values.begin(), values.end(), t.data);
    return t;
  };
  d.store_kv(*pool, 0, fill(shape.kv_heads * shape.head_dim, 1),
             fill(shape.kv_heads * shape.value_dim, 2), slices);
  const Tensor out = d.allocate(634, shape.heads * shape.value_dim);
  d.attention(*pool, 0, fill(shape.heads * shape.head_dim, 3), shape, slices, out);
  return out;
}

TEST_P(Ops, AttentionBothWays) {
  // A query sees the tokens behind it too, over several pages and ranges.
  AttentionShape shape{.heads = 6, .kv_heads = 2, .head_dim = 40, .value_dim = 24, .scale = 0.2f};
  shape.causal = false;
  constexpr int kReach = 640;
  const Floats bias = random_floats(6 * 2 * kReach, 0.5f);
  for (const int window : {0, 1, 2, 45, 90, 1100}) {
    for (const bool is_biased : {false, true}) {
      SCOPED_TRACE(window);
      shape.window = window;
      shape.position_bias = is_biased ? bias.data() : nullptr;
      shape.bias_reach = is_biased ? kReach : 0;
      compare([&](Device& d) { return attend_both_ways(d, shape, quant::Type::f32); }, 3e-6);
      compare([&](Device& d) { return attend_both_ways(d, shape, quant::Type::f16); }, 3e-6);
    }
  }
}

TEST_P(Ops, PositionBiasOfCausalAttention) {
  AttentionCase c{"biased",
                  {.heads = 8, .kv_heads = 2, .head_dim = 64, .value_dim = 64, .scale = 0.125f}};
  c.shape.bias_reach = 640;
  const Floats bias = random_floats(8 * 2 * 640, 0.5f);
  c.shape.position_bias = bias.data();
  compare([&](Device& d) { return run_attention(d, c, nullptr); }, c.tolerance);
}

TEST_P(Ops, Attention) {
  for (const AttentionCase& c : kAttention) {
    SCOPED_TRACE(c.name);
    compare([&](Device& d) { return run_attention(d, c, nullptr); }, c.tolerance);
    if (&c - kAttention > 3) continue;
    const Floats sinks = random_floats(c.shape.heads, 3);
    compare([&](Device& d) { return run_attention(d, c, sinks.data()); }, c.tolerance);
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
  const Tensor k = put(*device_, Floats(values.begin(), values.begin() + 40 * 128), 128);
  const Tensor v = put(*device_, Floats(values.begin(), values.begin() + 40 * 128), 128);
  for (float& x : k.row(39)) x = std::numeric_limits<float>::quiet_NaN();
  for (float& x : v.row(39)) x = std::numeric_limits<float>::quiet_NaN();
  const SequenceSlice slice{0, 40, 0, pages};
  device_->store_kv(*pool, 0, k, v, {&slice, 1});
  const Tensor out = device_->allocate(40, 8 * 64);
  device_->attention(*pool, 0, q, c.shape, {&slice, 1}, out);
  for (int t = 0; t < 39; ++t) {
    for (const float x : out.row(t)) ASSERT_TRUE(std::isfinite(x)) << t;
  }
  for (const float x : out.row(39)) ASSERT_TRUE(std::isnan(x));
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
  const Tensor k = put(*device_, random_floats(kTokens * 16), 16);
  const Tensor v = put(*device_, random_floats(kTokens * 16), 16);
  const Tensor q = put(*device_, random_floats(kTokens * 32), 32);
  for (int t = 0; t < 512; ++t) k.row(t)[3] = std::numeric_limits<float>::quiet_NaN();
  const SequenceSlice slice{0, kTokens, 0, pages};
  device_->store_kv(*pool, 0, k, v, {&slice, 1});
  const Tensor out = device_->allocate(kTokens, 32);
  device_->attention(*pool, 0, q, shape, {&slice, 1}, out);
  for (int t = 0; t < kTokens; ++t) {
    for (const float x : out.row(t)) ASSERT_TRUE(std::isnan(x)) << t;
  }
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

INSTANTIATE_TEST_SUITE_P(Isa, Ops, testing::Values("portable", "avx2", "avx512"),
                         [](const auto& entry) { return std::string(entry.param); });

}  // namespace
}  // namespace llm::compute
