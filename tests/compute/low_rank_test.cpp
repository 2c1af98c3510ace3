// Products of low rank that join others (LoRA): every device against the reference, and no token
// changed by what its neighbours use.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "compute/device_pair.h"

namespace llm::compute {
namespace {

/// Others with every call.
Floats fresh_floats(std::int64_t count, float deviation = 1.0f) {
  static unsigned seed = 11;
  return random_floats(count, deviation, ++seed);
}

/// A random matrix, or a stack of them, of any type.
class Matrix {
 public:
  Matrix(quant::Type type, std::int64_t rows, std::int64_t cols, std::int64_t count = 1) {
    const Floats values = fresh_floats(rows * cols * count, 1 / std::sqrt(float(cols)));
    bytes_.resize(static_cast<std::size_t>(quant::row_bytes(type, cols) * rows * count));
    quant::traits(type).quantize(values.data(), bytes_.data(), rows * cols * count, nullptr);
    weight_ = {.type = type, .data = bytes_.data(), .rows = rows, .cols = cols, .count = count};
  }
  const Weight& weight() const { return weight_; }
  void prepare(Device& device) const {
    Weight weight = weight_;
    device.prepare(weight, Device::kEverywhere);
  }

 private:
  std::vector<std::byte> bytes_;
  Weight weight_;
};

/// An adapter's pair for one matrix.
struct Pair {
  Pair(quant::Type type, std::int64_t rank, std::int64_t rows, std::int64_t cols,
       std::int64_t count = 1)
      : a(type, rank, cols, count), b(type, rows, rank, count) {}
  LowRank with(std::span<const float> scales) const {
    return {.a = a.weight(), .b = b.weight(), .factor = 0.75f, .scales = scales};
  }
  void prepare(Device& device) const {
    a.prepare(device);
    b.prepare(device);
  }
  Matrix a, b;
};

/// Scales of three adapters; of many tokens some use none, one, or several.
struct Scales {
  explicit Scales(std::int64_t tokens) {
    for (Floats& list : of) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        list.push_back(std::max(0.0f, fresh_floats(1).front()));
      }
    }
    of[0][0] = 1.5f;
  }
  Floats of[3];
};

class LowRanks : public DevicePair {
 protected:
  void compare(const std::function<Tensor(Device&)>& run, double tolerance = 5e-6) {
    // It rounds the inputs of BF16 weights to that type; others take the way of avx512_vnni.
    const bool rounds = std::string_view(GetParam()) == "avx512_bf16";
    DevicePair::compare(run, rounds ? 5e-3 : tolerance);
  }
  /// For matrices, pairs and mixtures of the test.
  template <class... All>
  void prepare(const All&... all) {
    (all.prepare(*device_), ...);
  }
};

constexpr quant::Type kFloats[] = {quant::Type::f32, quant::Type::f16, quant::Type::bf16};

TEST_P(LowRanks, JoinProductsThatShareAnInput) {
  constexpr int kCols = 96, kRows[] = {40, 33};
  const Matrix first(quant::Type::f32, kRows[0], kCols), second(quant::Type::f32, kRows[1], kCols);
  const Floats bias = fresh_floats(kRows[0]);
  prepare(first, second);
  keep({&bias});
  for (const quant::Type type : kFloats) {
    // Ranks with and without tails; one adapter changes one matrix only.
    const Pair a1(type, 8, kRows[0], kCols), a2(type, 8, kRows[1], kCols),
        b1(type, 1, kRows[0], kCols), c2(type, 13, kRows[1], kCols);
    prepare(a1, a2, b1, c2);
    for (const int tokens : {1, 5, 70}) {
      const Scales scales(tokens);
      const Floats x = fresh_floats(tokens * kCols);
      const LowRank to_first[] = {a1.with(scales.of[0]), b1.with(scales.of[1])};
      const LowRank to_second[] = {a2.with(scales.of[0]), c2.with(scales.of[2])};
      for (const bool of_first : {true, false}) {
        compare([&](Device& d) {
          const Tensor one = d.allocate(tokens, kRows[0]), two = d.allocate(tokens, kRows[1]);
          const Linear products[] = {{&first.weight(), bias.data(), one, to_first},
                                     {&second.weight(), nullptr, two, to_second}};
          d.linear(put(d, x, kCols), products);
          return of_first ? one : two;
        });
      }
    }
  }
}

TEST_P(LowRanks, MayBeQuantised) {
  const Matrix base(quant::Type::f32, 64, 96);
  const Pair pair(quant::Type::q8_0, 32, 64, 96);
  prepare(base, pair);
  const Floats x = fresh_floats(9 * 96), ones(9, 1.0f);
  const LowRank part = pair.with(ones);
  compare(
      [&](Device& d) {
        const Tensor out = d.allocate(9, 64);
        const Linear product{&base.weight(), nullptr, out, {&part, 1}};
        d.linear(put(d, x, 96), {&product, 1});
        return out;
      },
      1e-2);
}

TEST_P(LowRanks, JoinEmbeddings) {
  const Matrix table(quant::Type::f32, 50, 96);
  const TokenId tokens[] = {49, 3, 3, 0};
  const Scales scales(4);
  for (const quant::Type type : kFloats) {
    // The table of an adapter has a row per token.
    const Matrix a(type, 50, 4), b(type, 96, 4);
    const LowRank part{.a = a.weight(), .b = b.weight(), .factor = 2, .scales = scales.of[0]};
    compare([&](Device& d) {
      const Tensor out = d.allocate(4, 96);
      d.embed(table.weight(), tokens, 9.8f, out, {&part, 1});
      return out;
    });
  }
}

TEST_P(LowRanks, JoinFeedForwards) {
  constexpr int kWidth = 48, kInner = 84;
  const Matrix gate(quant::Type::f32, kInner, kWidth), up(quant::Type::f32, kInner, kWidth),
      down(quant::Type::f32, kWidth, kInner);
  const Pair g(quant::Type::f16, 4, kInner, kWidth), u(quant::Type::f32, 2, kInner, kWidth),
      o(quant::Type::f32, 3, kWidth, kInner);
  prepare(gate, up, down, g, u, o);
  for (const int tokens : {1, 40}) {
    const Scales scales(tokens);
    const Floats x = fresh_floats(tokens * kWidth);
    const LowRank to_gate = g.with(scales.of[0]), to_up = u.with(scales.of[1]),
                  to_down[] = {o.with(scales.of[0]), o.with(scales.of[2])};
    for (const bool gated : {true, false}) {
      compare([&](Device& d) {
        const Tensor out = d.allocate(tokens, kWidth);
        d.gated_ffn(put(d, x, kWidth),
                    {.gate = gated ? &gate.weight() : nullptr,
                     .up = &up.weight(),
                     .down = &down.weight(),
                     .gate_low_rank = {&to_gate, gated ? 1u : 0u},
                     .up_low_rank = {&to_up, 1},
                     .down_low_rank = to_down},
                    out);
        return out;
      });
    }
  }
}

struct Mixture {
  static constexpr int kWidth = 32, kInner = 20, kExperts = 7;
  Matrix gate{quant::Type::f32, kInner, kWidth, kExperts};
  Matrix up{quant::Type::f32, kInner, kWidth, kExperts};
  Matrix down{quant::Type::f32, kWidth, kInner, kExperts};
  Pair g{quant::Type::f32, 4, kInner, kWidth, kExperts};
  Pair u{quant::Type::f16, 4, kInner, kWidth, kExperts};
  Pair o{quant::Type::f32, 3, kWidth, kInner, kExperts};
  Floats biases = fresh_floats(kExperts * kWidth);

  void prepare(Device& device) const {
    for (const Matrix* matrix : {&gate, &up, &down}) matrix->prepare(device);
    for (const Pair* pair : {&g, &u, &o}) pair->prepare(device);
    device.keep(biases, Device::kEverywhere);
  }
  Tensor run(Device& d, Tensor x, Tensor logits, std::span<const float> first,
             std::span<const float> second) const {
    const LowRank to_gate = g.with(first), to_up[] = {u.with(first), u.with(second)},
                  to_down = o.with(second);
    Device::MoeFfn moe{.gate = &gate.weight(), .up = &up.weight(), .down = &down.weight()};
    moe.down_bias = biases.data();
    moe.shape = {.experts = kExperts, .used = 3};
    moe.gate_low_rank = {&to_gate, 1};
    moe.up_low_rank = to_up;
    moe.down_low_rank = {&to_down, 1};
    const Tensor out = d.allocate(x.rows, kWidth);
    d.moe_ffn(x, logits, moe, out);
    return out;
  }
};

TEST_P(LowRanks, JoinEveryExpert) {
  const Mixture mixture;
  prepare(mixture);
  for (const int tokens : {1, 50}) {
    const Scales scales(tokens);
    const Floats x = fresh_floats(tokens * Mixture::kWidth),
                 logits = fresh_floats(tokens * Mixture::kExperts, 2);
    compare([&](Device& d) {
      return mixture.run(d, put(d, x, Mixture::kWidth), put(d, logits, Mixture::kExperts),
                         scales.of[0], scales.of[1]);
    });
  }
}

// The promise of the whole engine: alone or beside others, the bits are the same.
TEST_P(LowRanks, LeaveOtherTokensAlone) {
  constexpr int kCols = 96, kRows = 40, kTokens = 37;
  const Matrix base(quant::Type::q8_0, kRows, kCols);
  const Pair one(quant::Type::f16, 4, kRows, kCols), two(quant::Type::f32, 7, kRows, kCols);
  const Mixture mixture;
  prepare(base, one, two, mixture);
  Scales scales(kTokens);
  scales.of[0][5] = scales.of[1][5] = 0;
  Floats x = fresh_floats(kTokens * kCols);
  const Floats inner = fresh_floats(kTokens * Mixture::kWidth),
               logits = fresh_floats(kTokens * Mixture::kExperts, 2);
  // What is not finite in a neighbour's row stays there.
  scales.of[0][6] = 1;
  x[6 * kCols] = std::numeric_limits<float>::infinity();
  const auto rows = [&](int first, int count) {
    const auto part = [&](const Floats& all, int cols) {
      return Floats(all.begin() + first * cols, all.begin() + (first + count) * cols);
    };
    const auto of = [&](int i) {
      return std::span<const float>(scales.of[i])
          .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    };
    const Tensor result = device_->allocate(count, kRows);
    const LowRank parts[] = {one.with(of(0)), two.with(of(1))};
    const Linear product{&base.weight(), nullptr, result, parts};
    device_->linear(put(*device_, part(x, kCols), kCols), {&product, 1});
    const Tensor out = device_->to_host(result);
    const Tensor mixed = device_->to_host(
        mixture.run(*device_, put(*device_, part(inner, Mixture::kWidth), 32),
                    put(*device_, part(logits, Mixture::kExperts), 7), of(0), of(1)));
    std::vector<Floats> by_token;
    for (int t = 0; t < count; ++t) {
      by_token.emplace_back(out.row(t).begin(), out.row(t).end());
      by_token.back().insert(by_token.back().end(), mixed.row(t).begin(), mixed.row(t).end());
    }
    device_->reset();
    return by_token;
  };
  const auto together = rows(0, kTokens);
  for (int t = 0; t < kTokens; ++t) {
    const Floats alone = rows(t, 1).front();
    ASSERT_EQ(std::memcmp(alone.data(), together[static_cast<std::size_t>(t)].data(),
                          alone.size() * sizeof(float)),
              0)
        << "token " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(, LowRanks, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

}  // namespace
}  // namespace llm::compute
