#include "compute/cuda/device.h"

#include "base/error.h"
#include "compute/cuda/make.h"
#include "quant/tables.h"

namespace llm::compute::cuda {
namespace {

/// A codebook's copy on the GPU.
template <class Table>
const typename Table::value_type* keep_table(Residents& residents, const Table& table) {
  residents.put(table.data(), sizeof(table));
  return reinterpret_cast<const typename Table::value_type*>(residents.find(table.data()));
}

Grids make_grids(Residents& residents) {
  return {.iq2_xxs = keep_table(residents, quant::kIq2XxsGrid),
          .iq2_xs = keep_table(residents, quant::kIq2XsGrid),
          .iq2_s = keep_table(residents, quant::kIq2SGrid),
          .iq1 = keep_table(residents, quant::kIq1Grid),
          .iq3_xxs = keep_table(residents, quant::kIq3XxsGrid),
          .iq3_s = keep_table(residents, quant::kIq3SGrid),
          .iq4_levels = keep_table(residents, quant::kIq4Levels),
          .fp4_levels = keep_table(residents, quant::kFp4Levels)};
}

std::string describe(int gpu) {
  const Gpu facts = gpus().at(static_cast<std::size_t>(gpu));
  return fmt::format("CUDA{} ({}, {} multiprocessors)", gpu, facts.name, facts.multiprocessors);
}

}  // namespace

CudaDevice::CudaDevice(int gpu)
    : queue_(std::make_shared<Queue>(gpu)),
      residents_(queue_),
      arena_(queue_),
      step_inputs_(queue_),
      host_copies_(queue_),
      grids_(make_grids(residents_)),
      description_(describe(gpu)) {}

std::string CudaDevice::description() const {
  return description_;
}

Tensor CudaDevice::allocate(std::int64_t rows, std::int64_t cols) {
  return {arena_.array<float>(rows * cols), rows, cols};
}

void CudaDevice::reset() {
  step_inputs_.reset();
  arena_.reset();
  host_copies_.reset();
  rope_tables_.clear();
}

void CudaDevice::prepare(Weight& weight, int /*layer*/) {
  if (!has_product(weight.type)) {
    fail("the type {} has no product", quant::traits(weight.type).name);
  }
  residents_.put(weight.data,
                 static_cast<std::size_t>(weight.count * weight.rows * weight.row_bytes()));
}

void CudaDevice::keep(std::span<const float> values, int /*layer*/) {
  residents_.put(values.data(), values.size_bytes());
}

Tensor CudaDevice::to_host(Tensor x) {
  const auto bytes = static_cast<std::size_t>(x.rows * x.cols) * sizeof(float);
  if (bytes == 0) return x;
  auto* copy = static_cast<float*>(host_copies_.allocate(bytes));
  queue_->download(copy, x.data, bytes);
  queue_->wait();
  return {copy, x.rows, x.cols};
}

void CudaDevice::from_host(std::span<const float> values, Tensor out) {
  queue_->upload(out.data, values.data(), values.size_bytes());
}

std::unique_ptr<Device> make_cuda_device(int gpu) {
  return std::make_unique<CudaDevice>(gpu);
}

}  // namespace llm::compute::cuda
