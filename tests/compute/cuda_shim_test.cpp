// The CPU in place of a GPU (cuda_on_cpu): barriers, exchanges between lanes, and that mistakes end
// the program; and the device's memory around the kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/error.h"
#include "compute/cuda/arena.h"
#include "compute/cuda/launch.h"
#include "compute/cuda/residents.h"
#include "compute/cuda/step_inputs.h"
#include "sanitized.h"

namespace llm::compute::cuda {
namespace {

using testing::Each;
using testing::ElementsAre;

/// Each thread adds what its neighbour in the block wrote before the barrier.
__global__ void neighbours_kernel(const int* from, int* to) {
  __shared__ int values[96];
  values[threadIdx.x] = from[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  to[blockIdx.x * blockDim.x + threadIdx.x] = values[(threadIdx.x + 1) % blockDim.x];
}

__global__ void warp_sum_kernel(int* out) {
  int sum = static_cast<int>(threadIdx.x);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  const unsigned odd = __ballot_sync(0xffffffffu, threadIdx.x % 2 == 1);
  out[threadIdx.x] = odd == 0xaaaaaaaau ? sum : -1;
}

__global__ void dynamic_kernel(float* out) {
  float* shared = shared_memory<float>();
  if (threadIdx.x == 0) *out = shared[3];
}

__global__ void half_a_barrier_kernel() {
  if (threadIdx.x < 16) __syncthreads();
  if (threadIdx.x >= 16) __shfl_sync(0xffffffffu, 1, 0);
}

__global__ void two_places_kernel() {
  if (threadIdx.x == 0) __shfl_sync(0xffffffffu, 1, 0);
  if (threadIdx.x != 0) __syncwarp();
}

class Shim : public testing::TestWithParam<cuda_on_cpu::Order> {
 protected:
  void SetUp() override {
    if (!test::kCanRunFibres) GTEST_SKIP() << "no fibres beside this sanitizer";
    cuda_on_cpu::set_order(GetParam());
  }
  void TearDown() override { cuda_on_cpu::set_order(cuda_on_cpu::Order::ascending); }
  std::shared_ptr<Queue> queue_ = std::make_shared<Queue>(0);
};

TEST_P(Shim, BarriersOfBlocks) {
  std::vector<int> from(3 * 96), to(from.size());
  std::iota(from.begin(), from.end(), 0);
  launch(*queue_, neighbours_kernel, 3, 96, 0, from.data(), to.data());
  for (std::size_t i = 0; i < to.size(); ++i) {
    ASSERT_EQ(to[i], from[i % 96 == 95 ? i - 95 : i + 1]) << i;
  }
}

TEST_P(Shim, ExchangesOfLanes) {
  std::vector<int> out(32);
  launch(*queue_, warp_sum_kernel, 1, 32, 0, out.data());
  EXPECT_THAT(out, Each(31 * 32 / 2));
}

INSTANTIATE_TEST_SUITE_P(, Shim,
                         testing::Values(cuda_on_cpu::Order::ascending,
                                         cuda_on_cpu::Order::descending));

TEST(ShimMistakes, SharedMemoryBeginsAsNaN) {
  if (!test::kCanRunFibres) GTEST_SKIP() << "no fibres beside this sanitizer";
  const Queue queue(0);
  float seen = 0;
  launch(queue, dynamic_kernel, 1, 1, 16, &seen);
  EXPECT_TRUE(std::isnan(seen));
}

TEST(ShimMistakesDeathTest, ThreadsThatWaitForEver) {
  if (!test::kCanRunFibres) GTEST_SKIP() << "no fibres beside this sanitizer";
  const Queue queue(0);
  EXPECT_DEATH(launch(queue, half_a_barrier_kernel, 1, 32, 0), "threads that do not come");
  EXPECT_DEATH(launch(queue, two_places_kernel, 1, 32, 0), "different places");
}

TEST(ShimMistakesDeathTest, StoresBehindTheEnd) {
  Queue queue(0);
  EXPECT_DEATH(
      {
        auto* memory = static_cast<char*>(queue.allocate(10));
        memory[10] = 1;
        queue.release(memory);
      },
      "behind 10 bytes");
}

TEST(CudaMemory, TooMuchIsAnErrorWithBothNumbers) {
  Queue queue(0);
  try {
    queue.allocate(std::size_t{1} << 40);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("1099511627776 bytes asked for"));
  }
}

TEST(CudaMemory, ArenasGiveBackAndGrow) {
  const auto queue = std::make_shared<Queue>(0);
  Arena arena(queue);
  void* first = arena.allocate(100);
  const Device::Mark mark = arena.mark();
  void* second = arena.allocate(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second) % 256, 0u);
  arena.rewind(mark);
  EXPECT_EQ(arena.allocate(100), second);
  arena.allocate(3 << 20);  // a block of its own
  arena.rewind(mark);
  EXPECT_EQ(arena.allocate(100), second);
  arena.reset();
  first = arena.allocate(100);  // of the block that holds everything
  arena.allocate(3 << 20);
  arena.reset();
  EXPECT_EQ(arena.allocate(100), first);
}

TEST(CudaMemory, ResidentsAreFoundByAnyAddressInside) {
  const auto queue = std::make_shared<Queue>(0);
  Residents residents(queue);
  std::vector<float> values(100);
  std::iota(values.begin(), values.end(), 0.0f);
  residents.put(values.data(), 40 * sizeof(float));
  residents.put(values.data() + 40, 60 * sizeof(float));
  EXPECT_EQ(*residents.floats(values.data() + 39), 39);
  EXPECT_EQ(*residents.floats(values.data() + 99), 99);
  EXPECT_EQ(residents.find(nullptr), nullptr);
  EXPECT_EQ(residents.bytes(), 400u);
  values[45] = -1;  // the copy stays as it was, until the place is put again
  EXPECT_EQ(*residents.floats(values.data() + 45), 45);
  residents.put(values.data() + 30, 20 * sizeof(float));
  EXPECT_EQ(*residents.floats(values.data() + 45), -1);
  EXPECT_EQ(residents.bytes(), 80u);
}

TEST(CudaMemory, EqualInputsOfAStepAreCopiedOnce) {
  const auto queue = std::make_shared<Queue>(0);
  StepInputs inputs(queue);
  std::vector<std::int32_t> values{1, 2, 3};
  const std::int32_t* first = inputs.put(std::span<const std::int32_t>(values));
  EXPECT_EQ(inputs.put(std::span<const std::int32_t>(std::vector<std::int32_t>{1, 2, 3})), first);
  values[0] = 9;
  const std::int32_t* second = inputs.put(std::span<const std::int32_t>(values));
  EXPECT_NE(second, first);
  EXPECT_THAT(std::vector(first, first + 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(std::vector(second, second + 3), ElementsAre(9, 2, 3));
  const std::vector<float> large(1 << 20, 0.5f);
  EXPECT_EQ(inputs.put(std::span<const float>(large))[(1 << 20) - 1], 0.5f);
  inputs.reset();
  EXPECT_EQ(inputs.put(std::span<const std::int32_t>(values)), first);
}

}  // namespace
}  // namespace llm::compute::cuda
