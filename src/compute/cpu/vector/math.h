// Functions of a vector of floats, written once for every Vec.
#pragma once

namespace llm::compute::cpu::vector {

/// e^x for x <= 0, relative error below 3e-7; below -87 the result stays at e^-87.
/// NaN stays NaN.
template <class V>
inline V exp_nonpositive(V x) {
  x = max(V::set1(-87.0f), x);
  const V n = round(x * V::set1(1.44269504f));
  // x - n ln 2, with ln 2 in two parts of which the first has few bits
  V r = fma(n, V::set1(-0.693359375f), x);
  r = fma(n, V::set1(2.12194440e-4f), r);
  V p = V::set1(1.0f / 720);
  p = fma(p, r, V::set1(1.0f / 120));
  p = fma(p, r, V::set1(1.0f / 24));
  p = fma(p, r, V::set1(1.0f / 6));
  p = fma(p, r, V::set1(0.5f));
  p = fma(p, r, V::set1(1.0f));
  p = fma(p, r, V::set1(1.0f));
  return scale_by_power(p, n);
}

/// e^x, held below infinity.
template <class V>
inline V exp(V x) {
  return exp_nonpositive(min(V::set1(88.0f), x));
}

template <class V>
inline float exp1(float x) {
  return exp(V::set1(x)).first();
}

template <class V>
inline V sigmoid(V x) {
  const V one = V::set1(1.0f);
  return one / (one + exp(V::zero() - x));
}

template <class V>
inline V tanh(V x) {
  const V one = V::set1(1.0f), two = V::set1(2.0f);
  return one - two / (exp(x * two) + one);
}

template <class V>
inline V silu(V x) {
  return x * sigmoid(x);
}

/// The tanh form.
template <class V>
inline V gelu(V x) {
  const V inner = x * fma(x * x, V::set1(0.7978845608f * 0.044715f), V::set1(0.7978845608f));
  return x * sigmoid(inner + inner);
}

}  // namespace llm::compute::cpu::vector
