// Norms, activations, rope and conversions over rows, written once for every Vec.
// Sums run in four vectors and then in one fixed order; a tail shorter than a vector is computed in
// a vector of its own, so that all elements go through the same arithmetic.
#pragma once

#include <cstdint>

#include "compute/cpu/vector/math.h"
#include "compute/device.h"

namespace llm::compute::cpu::vector {

template <class V>
struct Rows {
  static constexpr int kWidth = V::kWidth;

  /// The last n < kWidth floats of a row, padded by zeros.
  static V load_tail(const float* x, std::int64_t n) {
    alignas(64) float lanes[kWidth] = {};
    for (std::int64_t i = 0; i < n; ++i) lanes[i] = x[i];
    return V::load(lanes);
  }
  static void store_tail(V v, float* x, std::int64_t n) {
    alignas(64) float lanes[kWidth];
    v.store(lanes);
    for (std::int64_t i = 0; i < n; ++i) x[i] = lanes[i];
  }

  /// out[i] = f(i, x[i]) where f takes and gives vectors; `load` reads other operands at i.
  template <class F>
  static void map(const float* x, float* out, std::int64_t n, F&& f) {
    std::int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) {
      f(V::load(x + i), [i](const float* y) { return V::load(y + i); }).store(out + i);
    }
    if (const std::int64_t rest = n - i; rest > 0) {
      const V v =
          f(load_tail(x + i, rest), [i, rest](const float* y) { return load_tail(y + i, rest); });
      store_tail(v, out + i, rest);
    }
  }

  /// Sum of f(x[i]) over the row; f(0) must not count, or n be a multiple of the width.
  template <class F>
  static float total(const float* x, std::int64_t n, F&& f) {
    V sums[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
    std::int64_t i = 0;
    for (; i + 4 * kWidth <= n; i += 4 * kWidth) {
      for (int k = 0; k < 4; ++k) sums[k] = f(V::load(x + i + k * kWidth), sums[k]);
    }
    for (; i + kWidth <= n; i += kWidth) sums[0] = f(V::load(x + i), sums[0]);
    if (i < n) sums[1] = f(load_tail(x + i, n - i), sums[1]);
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum();
  }

  static float squares(const float* x, std::int64_t n) {
    return total(x, n, [](V v, V sum) { return fma(v, v, sum); });
  }

  static void rms_norm(const float* x, const float* weight, float eps, float* out, std::int64_t n) {
    const float mean = squares(x, n) / static_cast<float>(n);
    const V factor = V::set1(1.0f / __builtin_sqrtf(mean + eps));
    if (weight != nullptr) {
      map(x, out, n, [&](V v, auto&& load) { return v * factor * load(weight); });
    } else {
      map(x, out, n, [&](V v, auto&&) { return v * factor; });
    }
  }

  static void add_rms_norm(float* x, const float* y, const float* weight, float eps, float* out,
                           std::int64_t n) {
    add(x, y, n);
    rms_norm(x, weight, eps, out, n);
  }

  static void layer_norm(const float* x, const float* weight, const float* bias, float eps,
                         float* out, std::int64_t n) {
    const auto count = static_cast<float>(n);
    const float mean = total(x, n, [](V v, V sum) { return v + sum; }) / count;
    const V center = V::set1(mean);
    map(x, out, n, [&](V v, auto&&) { return v - center; });
    const V factor = V::set1(1.0f / __builtin_sqrtf(squares(out, n) / count + eps));
    map(out, out, n, [&](V v, auto&& load) {
      v = v * factor;
      if (weight != nullptr) v = v * load(weight);
      return bias != nullptr ? v + load(bias) : v;
    });
  }

  static void add(float* x, const float* y, std::int64_t n) {
    map(x, x, n, [&](V v, auto&& load) { return v + load(y); });
  }
  static void scale(float* x, float factor, std::int64_t n) {
    map(x, x, n, [&](V v, auto&&) { return v * V::set1(factor); });
  }
  static void add_scaled(float* x, const float* y, float factor, std::int64_t n) {
    map(x, x, n, [&](V v, auto&& load) { return fma(load(y), V::set1(factor), v); });
  }
  static void softcap(float* x, float c, std::int64_t n) {
    const V cap = V::set1(c), inverse = V::set1(1.0f / c);
    map(x, x, n, [&](V v, auto&&) { return cap * tanh(v * inverse); });
  }

  template <class F>
  static void apply_gate(const float* gate, float* up, std::int64_t n, F&& act) {
    if (gate != nullptr) {
      map(gate, up, n, [&](V v, auto&& load) { return act(v) * load(up); });
    } else {
      map(up, up, n, [&](V v, auto&&) { return act(v); });
    }
  }

  static V gelu_erf(V x) {
    alignas(64) float lanes[kWidth];
    x.store(lanes);
    for (float& v : lanes) v = 0.5f * v * (1.0f + __builtin_erff(v * 0.70710678f));
    return V::load(lanes);
  }

  static V swiglu_oai(V gate, V up) {
    const V limit = V::set1(7.0f);
    const V g = min(limit, gate), u = max(V::set1(-7.0f), min(limit, up));
    return g * sigmoid(g * V::set1(1.702f)) * (u + V::set1(1.0f));
  }

  static void activate(Activation activation, const float* gate, float* up, std::int64_t n) {
    switch (activation) {
      case Activation::silu:
        return apply_gate(gate, up, n, [](V v) { return silu(v); });
      case Activation::gelu:
        return apply_gate(gate, up, n, [](V v) { return gelu(v); });
      case Activation::gelu_erf:
        return apply_gate(gate, up, n, [](V v) { return gelu_erf(v); });
      case Activation::relu:
        return apply_gate(gate, up, n, [](V v) { return max(V::zero(), v); });
      case Activation::relu_squared:
        return apply_gate(gate, up, n, [](V v) {
          v = max(V::zero(), v);
          return v * v;
        });
      case Activation::swiglu_oai:
        return map(gate, up, n, [&](V v, auto&& load) { return swiglu_oai(v, load(up)); });
    }
  }

  static void rope_adjacent(float* x, const float* table, int rotated) {
    const float *cos = table, *sin = table + rotated;
    map(x, x, rotated,
        [&](V v, auto&& load) { return fma(v, load(cos), swap_pairs(v) * load(sin)); });
  }

  static void rope_halves(float* x, const float* table, int rotated) {
    const int pairs = rotated / 2;
    const float *cos = table, *sin = table + pairs;
    int i = 0;
    for (; i + kWidth <= pairs; i += kWidth) {
      const V a = V::load(x + i), b = V::load(x + pairs + i);
      const V c = V::load(cos + i), s = V::load(sin + i);
      fma(a, c, V::zero() - b * s).store(x + i);
      fma(b, c, a * s).store(x + pairs + i);
    }
    if (const int rest = pairs - i; rest > 0) {
      const V a = load_tail(x + i, rest), b = load_tail(x + pairs + i, rest);
      const V c = load_tail(cos + i, rest), s = load_tail(sin + i, rest);
      store_tail(fma(a, c, V::zero() - b * s), x + i, rest);
      store_tail(fma(b, c, a * s), x + pairs + i, rest);
    }
  }

  template <class Store>
  static void narrow(const float* x, std::uint16_t* out, std::int64_t n, Store&& store) {
    std::int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) store(V::load(x + i), out + i);
    if (const std::int64_t rest = n - i; rest > 0) {
      std::uint16_t lanes[kWidth];
      store(load_tail(x + i, rest), lanes);
      for (std::int64_t k = 0; k < rest; ++k) out[i + k] = lanes[k];
    }
  }
  static void to_f16(const float* x, std::uint16_t* out, std::int64_t n) {
    narrow(x, out, n, [](V v, std::uint16_t* p) { v.store_f16(p); });
  }
  static void to_bf16(const float* x, std::uint16_t* out, std::int64_t n) {
    narrow(x, out, n, [](V v, std::uint16_t* p) { v.store_bf16(p); });
  }
};

}  // namespace llm::compute::cpu::vector
