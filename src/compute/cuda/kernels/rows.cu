#include "compute/cuda/kernels/rows.h"

#include "compute/cuda/launch.h"

namespace llm::compute::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kRowWarps = 8;  // warps of a block; each takes a row that is short, all a long one
constexpr std::int64_t kShortRow = 1024;

dim3 blocks_for(std::int64_t count) {
  return static_cast<unsigned>((count + kThreads - 1) / kThreads);
}
__device__ std::int64_t index_of_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}

/// The sum over a warp, the same in every lane.
__device__ float warp_sum(float value) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, step);
  }
  return value;
}

/// Threads that share a row: a warp, or the whole block. Which one it is depends on the row's
/// length alone, and so does the order of a sum.
template <bool kBlock>
struct Team {
  static constexpr int kSize = kBlock ? kRowWarps * kWarp : kWarp;
  static __device__ std::int64_t row() {
    return kBlock ? static_cast<std::int64_t>(blockIdx.x)
                  : static_cast<std::int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / kWarp;
  }
  static __device__ int rank() {
    return static_cast<int>(kBlock ? threadIdx.x : threadIdx.x % kWarp);
  }
  static __device__ float sum(float value) {
    value = warp_sum(value);
    if constexpr (kBlock) {
      __shared__ float parts[kRowWarps];
      __syncthreads();  // an earlier sum may still be read
      if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
      __syncthreads();
      value = 0;
      for (int i = 0; i < kRowWarps; ++i) value += parts[i];
    }
    return value;
  }
};

template <bool kBlock>
__global__ void rms_norm_kernel(float* x, const float* y, const float* weight, float eps,
                                float* out, std::int64_t rows, std::int64_t cols) {
  using T = Team<kBlock>;
  const std::int64_t row = T::row();
  if (row >= rows) return;
  x += row * cols;
  out += row * cols;
  float squares = 0;
  for (std::int64_t c = T::rank(); c < cols; c += T::kSize) {
    if (y != nullptr) x[c] += y[row * cols + c];
    squares = fmaf(x[c], x[c], squares);
  }
  const float factor = 1.0f / sqrtf(T::sum(squares) / static_cast<float>(cols) + eps);
  for (std::int64_t c = T::rank(); c < cols; c += T::kSize) {
    out[c] = x[c] * factor * (weight != nullptr ? weight[c] : 1.0f);
  }
}

template <bool kBlock>
__global__ void layer_norm_kernel(const float* x, const float* weight, const float* bias, float eps,
                                  float* out, std::int64_t rows, std::int64_t cols) {
  using T = Team<kBlock>;
  const std::int64_t row = T::row();
  if (row >= rows) return;
  x += row * cols;
  out += row * cols;
  float sum = 0, squares = 0;
  for (std::int64_t c = T::rank(); c < cols; c += T::kSize) sum += x[c];
  const float mean = T::sum(sum) / static_cast<float>(cols);
  for (std::int64_t c = T::rank(); c < cols; c += T::kSize) {
    squares = fmaf(x[c] - mean, x[c] - mean, squares);
  }
  const float factor = 1.0f / sqrtf(T::sum(squares) / static_cast<float>(cols) + eps);
  for (std::int64_t c = T::rank(); c < cols; c += T::kSize) {
    const float value = (x[c] - mean) * factor;
    out[c] = fmaf(value, weight != nullptr ? weight[c] : 1.0f, bias != nullptr ? bias[c] : 0.0f);
  }
}

template <class Kernel, class... Arguments>
void launch_rows(const Queue& queue, Kernel short_rows, Kernel long_rows, std::int64_t rows,
                 std::int64_t cols, Arguments... arguments) {
  const bool is_short = cols <= kShortRow;
  const std::int64_t blocks = is_short ? (rows + kRowWarps - 1) / kRowWarps : rows;
  launch(queue, is_short ? short_rows : long_rows, static_cast<unsigned>(blocks), kRowWarps * kWarp,
         0, arguments..., rows, cols);
}

__global__ void rotate_kernel(float* x, std::int64_t cols, int head_dim, int pairs, bool halves,
                              const float* cos, const float* sin) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t heads = cols / head_dim;
  for (std::int64_t i = threadIdx.x; i < heads * pairs; i += blockDim.x) {
    const auto pair = static_cast<int>(i % pairs);
    float* head = x + row * cols + i / pairs * head_dim;
    float& a = head[halves ? pair : 2 * pair];
    float& b = head[halves ? pair + pairs : 2 * pair + 1];
    const float c = cos[row * pairs + pair], s = sin[row * pairs + pair], old = a;
    a = old * c - b * s;
    b = old * s + b * c;
  }
}

__device__ float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

template <Activation activation>
__device__ float gated(float gate, float up) {
  if constexpr (activation == Activation::silu) return gate * sigmoid(gate) * up;
  if constexpr (activation == Activation::gelu) {
    const float inner = 0.7978845608028654f * gate * (1.0f + 0.044715f * gate * gate);
    return 0.5f * gate * (1.0f + tanhf(inner)) * up;
  }
  if constexpr (activation == Activation::gelu_erf) {
    return 0.5f * gate * (1.0f + erff(gate * 0.7071067811865475f)) * up;
  }
  if constexpr (activation == Activation::relu) return fmaxf(gate, 0.0f) * up;
  if constexpr (activation == Activation::relu_squared) return gate > 0 ? gate * gate * up : 0.0f;
  if constexpr (activation == Activation::swiglu_oai) {
    const float low = fminf(gate, 7.0f);
    return low * sigmoid(1.702f * low) * (fminf(fmaxf(up, -7.0f), 7.0f) + 1.0f);
  }
}

template <Activation activation>
__global__ void activate_kernel(const float* gate, float* up, std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i >= count) return;
  up[i] = gate != nullptr ? gated<activation>(gate[i], up[i]) : gated<activation>(up[i], 1.0f);
}

__global__ void add_kernel(float* x, const float* y, std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i < count) x[i] += y[i];
}
__global__ void add_to_rows_kernel(float* x, const float* values, std::int64_t cols,
                                   std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i < count) x[i] += values[i % cols];
}
__global__ void scale_kernel(float* x, float factor, std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i < count) x[i] *= factor;
}
__global__ void scale_rows_kernel(float* x, const float* factors, std::int64_t cols,
                                  std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i < count) x[i] *= factors[i / cols];
}
__global__ void softcap_kernel(float* x, float c, std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i < count) x[i] = c * tanhf(x[i] / c);
}
__global__ void gather_rows_kernel(const float* x, const std::int32_t* rows, float* out,
                                   std::int64_t cols, std::int64_t count) {
  const std::int64_t i = index_of_thread();
  if (i < count) out[i] = x[rows[i / cols] * cols + i % cols];
}

}  // namespace

void rms_norm(const Queue& queue, Matrix x, const float* y, const float* weight, float eps,
              float* out) {
  launch_rows(queue, rms_norm_kernel<false>, rms_norm_kernel<true>, x.rows, x.cols, x.data, y,
              weight, eps, out);
}

void layer_norm(const Queue& queue, Matrix x, const float* weight, const float* bias, float eps,
                float* out) {
  launch_rows(queue, layer_norm_kernel<false>, layer_norm_kernel<true>, x.rows, x.cols, x.data,
              weight, bias, eps, out);
}

void rotate(const Queue& queue, Matrix x, int head_dim, int rotated, Rope::Pairing pairing,
            const float* cos, const float* sin) {
  launch(queue, rotate_kernel, static_cast<unsigned>(x.rows), kThreads, 0, x.data, x.cols, head_dim,
         rotated / 2, pairing == Rope::Pairing::halves, cos, sin);
}

void activate(const Queue& queue, Activation activation, const float* gate, float* up,
              std::int64_t count) {
  const auto start = [&](auto kernel) {
    launch(queue, kernel, blocks_for(count), kThreads, 0, gate, up, count);
  };
  switch (activation) {
    case Activation::silu:
      return start(activate_kernel<Activation::silu>);
    case Activation::gelu:
      return start(activate_kernel<Activation::gelu>);
    case Activation::gelu_erf:
      return start(activate_kernel<Activation::gelu_erf>);
    case Activation::relu:
      return start(activate_kernel<Activation::relu>);
    case Activation::relu_squared:
      return start(activate_kernel<Activation::relu_squared>);
    case Activation::swiglu_oai:
      return start(activate_kernel<Activation::swiglu_oai>);
  }
}

void add(const Queue& queue, float* x, const float* y, std::int64_t count) {
  launch(queue, add_kernel, blocks_for(count), kThreads, 0, x, y, count);
}

void add_to_rows(const Queue& queue, Matrix x, const float* values) {
  const std::int64_t count = x.rows * x.cols;
  launch(queue, add_to_rows_kernel, blocks_for(count), kThreads, 0, x.data, values, x.cols, count);
}

void scale(const Queue& queue, float* x, float factor, std::int64_t count) {
  launch(queue, scale_kernel, blocks_for(count), kThreads, 0, x, factor, count);
}

void scale_rows(const Queue& queue, Matrix x, const float* factors) {
  const std::int64_t count = x.rows * x.cols;
  launch(queue, scale_rows_kernel, blocks_for(count), kThreads, 0, x.data, factors, x.cols, count);
}

void softcap(const Queue& queue, float* x, float c, std::int64_t count) {
  launch(queue, softcap_kernel, blocks_for(count), kThreads, 0, x, c, count);
}

void gather_rows(const Queue& queue, const float* x, const std::int32_t* rows, Matrix out) {
  const std::int64_t count = out.rows * out.cols;
  launch(queue, gather_rows_kernel, blocks_for(count), kThreads, 0, x, rows, out.data, out.cols,
         count);
}

}  // namespace llm::compute::cuda
