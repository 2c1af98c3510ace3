// Norms, rotations and what works value by value.
#include <vector>

#include "compute/cuda/device.h"
#include "compute/cuda/kernels/rows.h"
#include "compute/rope_angles.h"

namespace llm::compute::cuda {

void CudaDevice::rms_norm(Tensor x, const float* weight, float eps, Tensor out) {
  cuda::rms_norm(*queue_, x, /*y=*/nullptr, residents_.floats(weight), eps, out.data);
}

void CudaDevice::add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) {
  cuda::rms_norm(*queue_, x, y.data, residents_.floats(weight), eps, out.data);
}

void CudaDevice::layer_norm(Tensor x, const float* weight, const float* bias, float eps,
                            Tensor out) {
  cuda::layer_norm(*queue_, x, residents_.floats(weight), residents_.floats(bias), eps, out.data);
}

void CudaDevice::rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
                      const Rope& rope) {
  const RopeTable table = rope_table(positions, rope);
  rotate(*queue_, x, head_dim, rope.rotated, rope.pairing, table.cos, table.sin);
}

/// Angles are computed by the host, in double: those of large positions need it.
CudaDevice::RopeTable CudaDevice::rope_table(std::span<const std::int32_t> positions,
                                             const Rope& rope) {
  for (const RopeTable& known : rope_tables_) {
    if (known.rope == rope && std::equal(known.positions.begin(), known.positions.end(),
                                         positions.begin(), positions.end())) {
      return known;
    }
  }
  const std::vector<double> frequencies = rope_frequencies(rope);
  const std::size_t pairs = frequencies.size();
  std::vector<float> cos(pairs * positions.size()), sin(cos.size());
  for (std::size_t t = 0; t < positions.size(); ++t) {
    rope_angles(rope, frequencies, positions[t], std::span(cos).subspan(t * pairs, pairs),
                std::span(sin).subspan(t * pairs, pairs));
  }
  rope_tables_.push_back({.rope = rope,
                          .positions = {positions.begin(), positions.end()},
                          .cos = step_inputs_.put(std::span<const float>(cos)),
                          .sin = step_inputs_.put(std::span<const float>(sin))});
  return rope_tables_.back();
}

void CudaDevice::activate(Tensor x, Activation activation) {
  cuda::activate(*queue_, activation, /*gate=*/nullptr, x.data, x.rows * x.cols);
}

void CudaDevice::add(Tensor x, Tensor y) {
  cuda::add(*queue_, x.data, y.data, x.rows * x.cols);
}

void CudaDevice::add_to_rows(Tensor x, std::span<const float> values) {
  cuda::add_to_rows(*queue_, x, step_inputs_.put(values));
}

void CudaDevice::scale(Tensor x, float factor) {
  cuda::scale(*queue_, x.data, factor, x.rows * x.cols);
}

void CudaDevice::scale_rows(Tensor x, std::span<const float> factors) {
  cuda::scale_rows(*queue_, x, step_inputs_.put(factors.first(static_cast<std::size_t>(x.rows))));
}

void CudaDevice::softcap(Tensor x, float c) {
  cuda::softcap(*queue_, x.data, c, x.rows * x.cols);
}

void CudaDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  cuda::gather_rows(*queue_, x.data, step_inputs_.put(rows), out);
}

}  // namespace llm::compute::cuda
