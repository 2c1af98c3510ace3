// What the CUDA device adds to the suites that run over every device (ops_test, low_rank_test,
// which know it as cuda_on_cpu): every type of weight, and that no token's bits depend on its
// neighbours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "compute/device_pair.h"
#include "compute/random_weights.h"

namespace llm::compute {
namespace {

class CudaDevices : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::kCanRunFibres) GTEST_SKIP() << "no fibres beside this sanitizer";
  }
  static Tensor put(Device& device, const Floats& values, std::int64_t cols) {
    const Tensor t = device.allocate(static_cast<std::int64_t>(values.size()) / cols, cols);
    device.from_host(values, t);
    return t;
  }

  /// weight x for the first tokens of x.
  Floats multiply(Device& device, const Weight& weight, const Floats& x, int tokens) {
    const Floats part(x.begin(), x.begin() + tokens * weight.cols);
    const Tensor out = device.allocate(tokens, weight.rows);
    const Linear product{&weight, nullptr, out};
    device.linear(put(device, part, weight.cols), {&product, 1});
    const Tensor host = device.to_host(out);
    Floats values(host.data, host.data + host.rows * host.cols);
    device.reset();
    return values;
  }

  std::unique_ptr<Device> device_ = cuda::make_cuda_device(0);
  std::unique_ptr<Device> reference_ = make_reference_device();
};

TEST_F(CudaDevices, EveryTypeOfWeight) {
  int count = 0;
  for (const quant::Traits& traits : quant::all_traits()) {
    Weight weight{.type = traits.type, .rows = 1, .cols = traits.block_length};
    const std::vector<std::byte> nothing(static_cast<std::size_t>(traits.block_bytes));
    weight.data = nothing.data();
    try {
      device_->prepare(weight, Device::kEverywhere);
    } catch (const Error&) {
      continue;
    }
    SCOPED_TRACE(traits.name);
    ++count;
    // Plain rows may end inside a group of eight; others are whole quant blocks.
    const int cols = traits.block_length == 1 ? 301 : 768;
    RandomWeights random(traits.type, 7, cols);
    Weight prepared = random.get();
    device_->prepare(prepared, Device::kEverywhere);
    const Floats x = random_floats(9 * cols);
    for (const int tokens : {1, 3, 9}) {
      const Floats found = multiply(*device_, prepared, x, tokens);
      const Floats expected = multiply(*reference_, prepared, x, tokens);
      double scale = 0;
      for (const float v : expected) scale = std::max(scale, std::abs(double{v}));
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_NEAR(found[i], expected[i], 3e-6 * scale) << tokens << " tokens, at " << i;
      }
    }
  }
  EXPECT_EQ(count, 28);
}

TEST_F(CudaDevices, TokensDoNotDependOnTheirNumber) {
  for (const auto type : {quant::Type::q4_k, quant::Type::f16, quant::Type::iq2_s}) {
    RandomWeights random(type, 10, 512);
    Weight weight = random.get();
    device_->prepare(weight, Device::kEverywhere);
    const Floats x = random_floats(33 * 512);
    const Floats all = multiply(*device_, weight, x, 33);
    for (const int tokens : {1, 2, 4, 5, 8, 9}) {
      const Floats some = multiply(*device_, weight, x, tokens);
      ASSERT_EQ(std::memcmp(some.data(), all.data(), some.size() * sizeof(float)), 0) << tokens;
    }
  }
}

/// A prompt of 545 tokens, and what its last 3 see: in other chunks of the prompt, beside others.
TEST_F(CudaDevices, AttentionDoesNotDependOnTheBatch) {
  constexpr int kTokens = 545, kAsking = 3, kPages = 18;
  const AttentionShape shape{
      .heads = 2, .kv_heads = 1, .head_dim = 8, .value_dim = 8, .scale = 0.3f};
  const KvLayout layout{.layers = {{1, 8, 8}}};
  const Floats k = random_floats(kTokens * 8), v = random_floats(kTokens * 8, 1, 5),
               q = random_floats(kTokens * 16, 2, 6);
  std::vector<PageId> pages, others;
  for (int i = 0; i < kPages; ++i) pages.push_back(PageId{i}), others.push_back(PageId{kPages + i});
  const auto part = [](const Floats& all, int cols, int first, int count) {
    return Floats(all.begin() + first * cols, all.begin() + (first + count) * cols);
  };
  /// Attention of tokens from `first` on, behind `batched` further sequences of one token.
  const auto ask = [&](int first, int batched) {
    const auto pool = device_->make_kv_pool(layout, 2 * kPages + 100);
    const SequenceSlice all{0, kTokens, 0, pages};
    device_->store_kv(*pool, 0, put(*device_, k, 8), put(*device_, v, 8), {&all, 1});
    std::vector<SequenceSlice> slices;
    std::vector<std::vector<PageId>> single;
    Floats queries;
    for (int i = 0; i < batched; ++i) single.push_back({PageId{2 * kPages + i}});
    for (int i = 0; i < batched; ++i) {
      slices.push_back({i, 1, 0, single[static_cast<std::size_t>(i)]});
      queries.insert(queries.end(), 16, 0.5f);
    }
    slices.push_back({batched, kTokens - first, first, pages});
    const Floats asked = part(q, 16, first, kTokens - first);
    queries.insert(queries.end(), asked.begin(), asked.end());
    const Tensor out = device_->allocate(batched + kTokens - first, 16);
    device_->attention(*pool, 0, put(*device_, queries, 16), shape, slices, out);
    const Tensor host = device_->to_host(out);
    Floats last(host.data + (host.rows - kAsking) * 16, host.data + host.rows * 16);
    device_->reset();
    return last;
  };
  const Floats alone = ask(kTokens - kAsking, 0);  // chunks of their own, joined
  for (const auto& [first, batched] : {std::pair{300, 0}, {kTokens - kAsking, 40}}) {
    const Floats other = ask(first, batched);
    EXPECT_EQ(std::memcmp(alone.data(), other.data(), alone.size() * sizeof(float)), 0)
        << first << ", " << batched;
  }
}

}  // namespace
}  // namespace llm::compute
