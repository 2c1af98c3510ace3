// A CPU device of one instruction set, or a GPU, beside the reference device.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "compute/cuda/make.h"
#include "compute/gpu.h"
#include "compute/reference.h"
#include "sanitized.h"

namespace llm::compute {

using Floats = std::vector<float>;

/// Instruction sets, the first GPU, and the CUDA device with its kernels on the CPU.
inline constexpr const char* kDevices[] = {"portable",    "avx2",        "avx512",
                                           "avx512_vnni", "avx512_bf16", "amx",
                                           "neon",        "cuda",        "cuda_on_cpu"};

inline Floats random_floats(std::int64_t count, float deviation = 1.0f, unsigned seed = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  Floats values(static_cast<std::size_t>(count));
  for (float& v : values) v = normal(random);
  return values;
}

/// With one of kDevices as parameter.
class DevicePair : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    try {
      device_ = make();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  static std::unique_ptr<Device> make() {
    const std::string_view name = GetParam();
    if (name == "cuda_on_cpu") {
#if __has_include("cuda_on_cpu.h")
      if (test::kCanRunFibres) return cuda::make_cuda_device(0);
#endif
      fail("this build has no fibres");
    }
    if (name == "cuda") return make_gpu_device("CUDA0");
    return make_cpu_device({.threads = 3, .isa = GetParam()});
  }

  static Tensor put(Device& device, const Floats& values, std::int64_t cols) {
    const Tensor t = device.allocate(
        static_cast<std::int64_t>(values.size()) / std::max<std::int64_t>(cols, 1), cols);
    device.from_host(values, t);
    return t;
  }

  /// Announces what operations are given as plain pointers.
  void keep(std::initializer_list<const Floats*> arrays) {
    for (const Floats* values : arrays) device_->keep(*values, Device::kEverywhere);
  }
  void prepare(std::initializer_list<Weight*> weights) {
    for (Weight* weight : weights) device_->prepare(*weight, Device::kEverywhere);
  }

  /// Runs the same calls on both devices and compares the tensors that come back.
  void compare(const std::function<Tensor(Device&)>& run, double tolerance = 2e-6) {
    const Tensor found = device_->to_host(run(*device_)), expected = run(*reference_);
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

}  // namespace llm::compute
