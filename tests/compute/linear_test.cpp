#include "compute/cpu/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "compute/cpu/isa/select.h"
#include "compute/cpu/kernels.h"
#include "compute/random_weights.h"

namespace llm::compute::cpu {
namespace {

using quant::Type;

/// Activations, and where results go.
class Matrix {
 public:
  Matrix(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols), values_(rows * cols) {}

  static Matrix random(std::int64_t rows, std::int64_t cols, unsigned seed = 2) {
    Matrix x(rows, cols);
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (float& value : x.values_) value = normal(random);
    return x;
  }
  /// Values that 8-bit rounding with a scale per 32 leaves alone: integers times a power of two.
  static Matrix exact(std::int64_t rows, std::int64_t cols) {
    Matrix x(rows, cols);
    std::mt19937 random(3);
    for (std::int64_t i = 0; i < rows * cols; ++i) {
      const int integer = i % 32 == 5 ? 127 : static_cast<int>(random() % 255) - 127;
      x.values_[i] = std::ldexp(static_cast<float>(integer), static_cast<int>(i / 32 % 7) - 8);
    }
    return x;
  }

  Tensor tensor() { return {values_.data(), rows_, cols_}; }
  std::span<float> row(std::int64_t r) { return tensor().row(r); }
  std::vector<float>& values() { return values_; }

 private:
  std::int64_t rows_, cols_;
  std::vector<float> values_;
};

Matrix multiply(LinearEngine& engine, Matrix& x, const Weight& weight, const float* bias = nullptr,
                int team = 99) {
  Matrix out(x.tensor().rows, weight.rows);
  std::fill(out.values().begin(), out.values().end(), std::nanf(""));
  const Linear product{&weight, bias, out.tensor()};
  engine.linear(x.tensor(), {&product, 1}, team);
  return out;
}

bool is_float(Type type) {
  return type == Type::f32 || type == Type::f16 || type == Type::bf16;
}

/// Columns of the smallest row of a type.
std::int64_t unit(Type type) {
  return is_float(type) ? 32 : quant::traits(type).block_length;
}

/// Compares with sums in f64. `rounding`: how far the 8-bit rounding of x may move a value, in
/// units of the largest magnitude of its block of 32.
void expect_products(Matrix& x, const RandomWeights& weights, Matrix& out, double rounding,
                     const std::string& what) {
  const std::int64_t cols = weights.get().cols;
  for (std::int64_t r = 0; r < weights.get().rows; ++r) {
    const std::vector<float> w = weights.row(r);
    double largest = 0;
    for (const float value : w) largest = std::max<double>(largest, std::abs(value));
    for (std::int64_t t = 0; t < x.tensor().rows; ++t) {
      double sum = 0, sum_x = 0, moved = 0;
      for (std::int64_t block = 0; block < cols; block += 32) {
        double amax = 0, sum_w = 0;
        for (std::int64_t k = block; k < std::min(block + 32, cols); ++k) {
          const double xk = x.row(t)[k];
          sum += w[k] * xk;
          sum_w += std::abs(w[k]);
          sum_x += std::abs(xk);
          amax = std::max(amax, std::abs(xk));
        }
        moved += rounding * amax * sum_w;
      }
      // Every partial sum is at most largest * sum_x; f32 rounds each of the few operations per
      // block, and an offset and its scale may cancel to twice that.
      const double rounded = 16 * largest * sum_x * std::numeric_limits<float>::epsilon();
      ASSERT_NEAR(out.row(t)[r], sum, moved + rounded) << what << ", row " << r << ", token " << t;
    }
  }
}

class LinearWithIsa : public testing::TestWithParam<std::string> {
 protected:
  LinearWithIsa() : pool_(3), engine_(pool_, GetParam()) {}

  /// How far activations may move for such weights, in units of the largest of their block.
  static double rounding(Type type) {
    if (!is_float(type)) return 0.5 / 127 * (1 + 1e-5);
    if (type == Type::bf16 && GetParam() == "avx512_bf16") return 1.0 / (1 << 8);
    if (type == Type::bf16 && GetParam() == "amx") return 1.0 / (1 << 16);
    return 0;
  }

  ThreadPool pool_;
  LinearEngine engine_;
};

std::vector<std::string> usable_names() {
  std::vector<std::string> names;
  for (const Kernels* kernels : usable_kernels()) names.emplace_back(kernels->name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Isa, LinearWithIsa, testing::ValuesIn(usable_names()),
                         [](const auto& isa) { return isa.param; });

TEST_P(LinearWithIsa, EveryTypeIsExactForActivationsThatRoundingLeavesAlone) {
  for (const Type type : weight_types()) {
    for (const std::int64_t cols :
         {unit(type), 3 * unit(type), 512 + unit(type), std::int64_t{4096}}) {
      const RandomWeights weights(type, 37, cols);
      Matrix x = Matrix::exact(5, cols);
      Matrix out = multiply(engine_, x, weights.get());
      expect_products(x, weights, out, 0,
                      std::string(quant::traits(type).name) + ", cols " + std::to_string(cols));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(LinearWithIsa, EveryTypeStaysWithinTheRoundingOfActivations) {
  for (const Type type : weight_types()) {
    const std::int64_t cols = std::max<std::int64_t>(unit(type), 96);
    if (cols % unit(type) != 0) continue;
    const RandomWeights weights(type, 33, cols);
    for (const std::int64_t tokens : {1, 2, 3, 4, 5, 8, 16, 31, 33, 100}) {
      Matrix x = Matrix::random(tokens, cols);
      Matrix out = multiply(engine_, x, weights.get());
      expect_products(x, weights, out, rounding(type),
                      std::string(quant::traits(type).name) + ", tokens " + std::to_string(tokens));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(LinearWithIsa, FloatWeightsTakeAnyNumberOfColumns) {
  for (const Type type : {Type::f32, Type::f16, Type::bf16}) {
    for (const std::int64_t cols : {1, 2, 7, 15, 17, 31, 100, 513, 1030}) {
      const RandomWeights weights(type, 11, cols);
      Matrix x = Matrix::random(7, cols);
      Matrix out = multiply(engine_, x, weights.get());
      expect_products(x, weights, out, rounding(type), "cols " + std::to_string(cols));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(LinearWithIsa, RowCountsAroundTheVectorLengthsLoseNothing) {
  for (const Type type : {Type::q4_0, Type::q4_k, Type::q6_k, Type::f16}) {
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65}) {
      const RandomWeights weights(type, rows, 256);
      Matrix x = Matrix::exact(7, 256);
      Matrix out = multiply(engine_, x, weights.get());
      expect_products(x, weights, out, 0, "rows " + std::to_string(rows));
      if (HasFatalFailure()) return;
    }
  }
}

/// The promise: same bits whatever is computed beside.
TEST_P(LinearWithIsa, ATokenHasTheSameBitsInAnyBatch) {
  for (const Type type : weight_types()) {
    const std::int64_t cols = is_float(type) ? 1044 : 768;
    const RandomWeights weights(type, 37, cols);
    Matrix x = Matrix::random(100, cols);
    Matrix all = multiply(engine_, x, weights.get());
    for (const std::int64_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 33}) {
      const std::int64_t first = 100 - tokens;
      Matrix some(tokens, cols);
      std::copy(x.values().end() - tokens * cols, x.values().end(), some.values().begin());
      Matrix out = multiply(engine_, some, weights.get());
      for (std::int64_t t = 0; t < tokens; ++t) {
        ASSERT_TRUE(std::ranges::equal(out.row(t), all.row(first + t)))
            << quant::traits(type).name << ", " << tokens << " tokens";
      }
    }
  }
}

TEST_P(LinearWithIsa, RowsAndThreadsCanBeSplitWithoutChangingABit) {
  for (const Type type : weight_types()) {
    const RandomWeights weights(type, 101, 768);
    Matrix x = Matrix::random(9, 768);
    Matrix all = multiply(engine_, x, weights.get(), nullptr, 1);
    for (int threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      LinearEngine engine(pool, GetParam());
      ASSERT_EQ(multiply(engine, x, weights.get()).values(), all.values());
    }
    for (const std::int64_t first : {1, 16, 50}) {
      const Weight slice = weights.get().slice(first, 101 - first);
      Matrix out = multiply(engine_, x, slice);
      for (std::int64_t t = 0; t < 9; ++t) {
        ASSERT_TRUE(std::ranges::equal(out.row(t), all.row(t).subspan(first)))
            << quant::traits(type).name;
      }
    }
  }
}

TEST_P(LinearWithIsa, ABatchThatNeedsSeveralSlabsIsStillTheSame) {
  const RandomWeights weights(Type::q4_k, 20, 256);
  Matrix x = Matrix::random(1100, 256);
  Matrix all = multiply(engine_, x, weights.get());
  for (const std::int64_t t : {0, 509, 510, 511, 512, 700, 1099}) {
    Matrix one(1, 256);
    std::ranges::copy(x.row(t), one.values().begin());
    EXPECT_TRUE(std::ranges::equal(multiply(engine_, one, weights.get()).row(0), all.row(t))) << t;
  }
}

TEST_P(LinearWithIsa, ProductsOfDifferentTypesShareTheirInput) {
  std::vector<Type> types = weight_types();
  Matrix x = Matrix::random(3, 512);
  std::vector<std::unique_ptr<RandomWeights>> weights;
  std::vector<Matrix> together;
  std::vector<Linear> products;
  for (const Type type : types) {
    const std::int64_t rows = 5 + 10 * std::ssize(weights);
    weights.push_back(std::make_unique<RandomWeights>(type, rows, 512));
    together.emplace_back(3, rows);
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    products.push_back({&weights[i]->get(), nullptr, together[i].tensor()});
  }
  engine_.linear(x.tensor(), products, 3);
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(together[i].values(), multiply(engine_, x, weights[i]->get()).values())
        << quant::traits(types[i]).name;
  }
}

TEST_P(LinearWithIsa, TheBiasIsAdded) {
  for (const Type type : {Type::q8_0, Type::f32}) {
    const RandomWeights weights(type, 19, 64);
    Matrix x = Matrix::random(4, 64);
    Matrix bias = Matrix::random(1, 19, 7);
    Matrix plain = multiply(engine_, x, weights.get());
    Matrix biased = multiply(engine_, x, weights.get(), bias.values().data());
    for (int t = 0; t < 4; ++t) {
      for (int r = 0; r < 19; ++r) {
        EXPECT_EQ(biased.row(t)[r], plain.row(t)[r] + bias.values()[r]);
      }
    }
  }
}

TEST_P(LinearWithIsa, ValuesThatAreNotFiniteSpoilTheirOwnTokenOnly) {
  const RandomWeights weights(Type::q4_0, 20, 128);
  const Matrix clean = Matrix::random(4, 128);
  Matrix x = clean;
  Matrix expected = multiply(engine_, x, weights.get());
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    x = clean;
    x.row(1)[77] = bad;
    Matrix out = multiply(engine_, x, weights.get());
    for (int t = 0; t < 4; ++t) {
      for (int r = 0; r < 20; ++r) {
        if (t == 1) {
          EXPECT_TRUE(std::isnan(out.row(t)[r]));
        } else {
          EXPECT_EQ(out.row(t)[r], expected.row(t)[r]);
        }
      }
    }
  }
}

TEST_P(LinearWithIsa, ZerosAndTinyValuesGiveZero) {
  const RandomWeights weights(Type::q4_0, 20, 64);
  Matrix x(2, 64);
  std::ranges::fill(x.row(1), 1e-40f);
  Matrix out = multiply(engine_, x, weights.get());
  for (const float y : out.values()) EXPECT_EQ(y, 0);
}

TEST_P(LinearWithIsa, ExpertsMultiplyTheirOwnTokens) {
  for (const Type type : {Type::q4_k, Type::mxfp4, Type::f16}) {
    const RandomWeights gate(type, 37, 256, 5, 1), up(type, 21, 256, 5, 2);
    Matrix x = Matrix::random(30, 256);
    std::vector<std::int32_t> rows, offsets = {0};
    for (const int tokens : {1, 0, 30, 2, 7}) {
      for (int i = 0; i < tokens; ++i) rows.push_back((i * 7 + tokens) % 30);
      offsets.push_back(static_cast<std::int32_t>(rows.size()));
    }
    Matrix gated(std::ssize(rows), 37), upped(std::ssize(rows), 21);
    const LinearEngine::Experts products[] = {{&gate.get(), gated.tensor()},
                                              {&up.get(), upped.tensor()}};
    engine_.linear_experts(x.tensor(), rows, offsets, products, 3);
    for (int expert = 0; expert < 5; ++expert) {
      const Weight gate_one = gate.get().slice(expert * 37, 37);
      const Weight up_one = up.get().slice(expert * 21, 21);
      Matrix gate_all = multiply(engine_, x, gate_one), up_all = multiply(engine_, x, up_one);
      for (int i = offsets[expert]; i < offsets[expert + 1]; ++i) {
        EXPECT_TRUE(std::ranges::equal(gated.row(i), gate_all.row(rows[i])));
        EXPECT_TRUE(std::ranges::equal(upped.row(i), up_all.row(rows[i])));
      }
    }
  }
}

TEST_P(LinearWithIsa, NothingToDoIsDone) {
  const RandomWeights weights(Type::q4_0, 4, 32);
  Matrix none(0, 32);
  EXPECT_TRUE(multiply(engine_, none, weights.get()).values().empty());
  engine_.linear(none.tensor(), {}, 1);
  engine_.linear_experts(none.tensor(), {}, {}, {}, 1);
}

TEST_P(LinearWithIsa, WeightsThatHaveNoProductAreRefused) {
  for (const Type type : weight_types()) EXPECT_NO_THROW(engine_.prepare({.type = type}));
  for (const Type type : {Type::i8, Type::i32, Type::f64, Type::q8_1, Type::q8_k}) {
    try {
      engine_.prepare({.type = type});
      ADD_FAILURE() << quant::traits(type).name << " was accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(quant::traits(type).name), std::string::npos);
    }
  }
}

TEST(SelectKernels, TakesTheBestUnlessTold) {
  const char* before = std::getenv("LLAMA_CPU_ISA");
  const std::string saved = before ? before : "";
  unsetenv("LLAMA_CPU_ISA");
  EXPECT_EQ(&select_kernels(""), usable_kernels().front());
  setenv("LLAMA_CPU_ISA", "portable", 1);
  EXPECT_STREQ(select_kernels("").name, "portable");
  for (const Kernels* kernels : usable_kernels()) {
    EXPECT_EQ(&select_kernels(kernels->name), kernels) << "the argument goes before the variable";
  }
  setenv("LLAMA_CPU_ISA", "mmx", 1);
  EXPECT_THROW(select_kernels(""), Error);
  if (before) {
    setenv("LLAMA_CPU_ISA", saved.c_str(), 1);
  } else {
    unsetenv("LLAMA_CPU_ISA");
  }
}

TEST(SelectKernels, SaysWhatIsLacking) {
  try {
    select_kernels("sse9");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("sse9"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("portable"), std::string::npos);
  }
}

TEST(SelectKernels, EveryTableIsComplete) {
  for (const Kernels* kernels : usable_kernels()) {
    for (const Type type : weight_types()) {
      if (is_float(type)) continue;
      const auto rows = std::span(kernels->quants, kernels->quant_count);
      const auto found = std::ranges::find(rows, type, &QuantKernels::type);
      ASSERT_NE(found, rows.end()) << kernels->name << " " << quant::traits(type).name;
      EXPECT_NE(found->unpack, nullptr);
      for (int t = 0; t < kernels->tile; ++t) {
        for (int v = 0; v < kMaxPanelWidth; ++v) EXPECT_NE(found->multiply[t][v], nullptr);
      }
    }
  }
}

}  // namespace
}  // namespace llm::compute::cpu
