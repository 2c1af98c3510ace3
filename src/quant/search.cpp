#include "quant/search.h"

#include <algorithm>
#include <cmath>

namespace llm::quant::search {
namespace {

constexpr int kMaxLength = 32;
constexpr int kMaxSweeps = 5;

/// Levels around zero for the factor f: nearest(f * x) in -limit .. limit - 1.
void round_symmetric(int n, int limit, float f, const float* x, int* out) {
  for (int i = 0; i < n; ++i) out[i] = std::clamp(nearest(f * x[i]), -limit, limit - 1);
}

struct Fit {
  float xl = 0;  // sum w x l
  float ll = 0;  // sum w l l
};

Fit fit(int n, const float* x, const float* w, const int* l) {
  Fit sums;
  for (int i = 0; i < n; ++i) {
    const float level = static_cast<float>(l[i]);
    const float weight = w ? w[i] : x[i] * x[i];
    sums.xl += weight * x[i] * level;
    sums.ll += weight * level * level;
  }
  return sums;
}

void store(int n, int offset, const int* l, std::uint8_t* levels) {
  for (int i = 0; i < n; ++i) levels[i] = static_cast<std::uint8_t>(l[i] + offset);
}

/// Moves single levels to the nearest of the scale that the others give, while that helps.
void sweep(int n, int lowest, int highest, const float* x, const float* w, int* l, Fit& sums) {
  for (int round = 0; round < kMaxSweeps; ++round) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      const float weight = w ? w[i] : x[i] * x[i];
      const float level = static_cast<float>(l[i]);
      float xl = sums.xl - weight * x[i] * level;
      float ll = sums.ll - weight * level * level;
      if (!(xl > 0) || (lowest == 0 && !(ll > 0))) continue;
      const int moved = std::clamp(nearest(x[i] * ll / xl), lowest, highest);
      if (moved == l[i]) continue;
      const float to = static_cast<float>(moved);
      xl += weight * x[i] * to;
      ll += weight * to * to;
      if (ll > 0 && xl * xl * sums.ll > sums.xl * sums.xl * ll) {
        l[i] = moved;
        sums = {xl, ll};
        changed = true;
      }
    }
    if (!changed) break;
  }
}

float affine_error(int n, const float* x, const float* w, const int* l, float scale, float low,
                   bool absolute) {
  float error = 0;
  for (int i = 0; i < n; ++i) {
    const float e = scale * static_cast<float>(l[i]) + low - x[i];
    error += w[i] * (absolute ? std::fabs(e) : e * e);
  }
  return error;
}

}  // namespace

float signed_extreme(const float* x, int n) {
  float extreme = 0, magnitude = 0;
  for (int i = 0; i < n; ++i) {
    if (std::fabs(x[i]) > magnitude) {
      magnitude = std::fabs(x[i]);
      extreme = x[i];
    }
  }
  return extreme;
}

float largest_magnitude(const float* x, int n) {
  float magnitude = 0;
  for (int i = 0; i < n; ++i) magnitude = std::max(magnitude, std::fabs(x[i]));
  return magnitude;
}

float symmetric(int n, int limit, const float* x, const float* w, std::uint8_t* levels) {
  const float extreme = signed_extreme(x, n);
  if (std::fabs(extreme) < kTiny) {
    std::fill_n(levels, n, std::uint8_t{0});
    return 0;
  }
  int l[kMaxLength];
  round_symmetric(n, limit, -static_cast<float>(limit) / extreme, x, l);
  store(n, limit, l, levels);
  Fit sums = fit(n, x, w, l);
  float scale = sums.ll != 0 ? sums.xl / sums.ll : 0;
  float best = scale * sums.xl;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    const float levels_tried = static_cast<float>(limit) + 0.1F * static_cast<float>(step);
    round_symmetric(n, limit, -levels_tried / extreme, x, l);
    sums = fit(n, x, w, l);
    if (sums.ll > 0 && sums.xl * sums.xl > best * sums.ll) {
      store(n, limit, l, levels);
      scale = sums.xl / sums.ll;
      best = scale * sums.xl;
    }
  }
  return scale;
}

float symmetric_sweep(int n, int limit, const float* x, std::uint8_t* levels) {
  const float extreme = signed_extreme(x, n);
  if (std::fabs(extreme) < kTiny) {
    std::fill_n(levels, n, std::uint8_t{0});
    return 0;
  }
  int l[kMaxLength];
  round_symmetric(n, limit, -static_cast<float>(limit) / extreme, x, l);
  Fit sums = fit(n, x, nullptr, l);
  sweep(n, -limit, limit - 1, x, nullptr, l, sums);
  store(n, limit, l, levels);
  return sums.ll > 0 ? sums.xl / sums.ll : 0;
}

Affine affine(int n, const AffineSettings& settings, const float* x, const float* w,
              std::uint8_t* levels) {
  const auto [lowest, highest] = std::minmax_element(x, x + n);
  float low = std::min(*lowest, 0.0F);
  const float high = *highest;
  if (high == low) {
    std::fill_n(levels, n, std::uint8_t{0});
    return {0, -low};
  }
  float sum_w = 0, sum_x = 0;
  for (int i = 0; i < n; ++i) {
    sum_w += w[i];
    sum_x += w[i] * x[i];
  }
  const float limit = static_cast<float>(settings.limit);
  int l[kMaxLength];
  const auto round_levels = [&](float f) {
    for (int i = 0; i < n; ++i) l[i] = std::clamp(nearest(f * (x[i] - low)), 0, settings.limit);
  };
  float f = limit / (high - low);
  float scale = 1 / f;
  round_levels(f);
  store(n, 0, l, levels);
  float best = affine_error(n, x, w, l, scale, low, settings.absolute);
  for (int step = 0; step <= settings.steps; ++step) {
    f = (settings.first + settings.step * static_cast<float>(step) + limit) / (high - low);
    round_levels(f);
    float sum_l = 0, sum_ll = 0, sum_xl = 0;
    for (int i = 0; i < n; ++i) {
      const float level = static_cast<float>(l[i]);
      sum_l += w[i] * level;
      sum_ll += w[i] * level * level;
      sum_xl += w[i] * level * x[i];
    }
    const float determinant = sum_w * sum_ll - sum_l * sum_l;
    if (!(determinant > 0)) continue;
    float this_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
    float this_low = (sum_ll * sum_x - sum_l * sum_xl) / determinant;
    if (this_low > 0) {
      this_low = 0;
      this_scale = sum_xl / sum_ll;
    }
    const float error = affine_error(n, x, w, l, this_scale, this_low, settings.absolute);
    if (error < best) {
      store(n, 0, l, levels);
      best = error;
      scale = this_scale;
      low = this_low;
    }
  }
  return {scale, -low};
}

float positive(int n, int limit, const float* x, const float* w, std::uint8_t* levels) {
  float highest = 0;
  for (int i = 0; i < n; ++i) highest = std::max(highest, x[i]);
  if (highest < kTiny) {
    std::fill_n(levels, n, std::uint8_t{0});
    return 0;
  }
  int l[kMaxLength];
  const auto error_of = [&](float f, int cap) {
    float error = 0;
    for (int i = 0; i < n; ++i) {
      const float e = x[i] - 1 / f * static_cast<float>(std::min(nearest(f * x[i]), cap));
      error += w[i] * e * e;
    }
    return error;
  };
  float f = static_cast<float>(limit) / highest;
  float best = error_of(f, limit + 1);
  for (int step = -4; step <= 4; ++step) {
    if (step == 0) continue;
    const float tried = (0.1F * static_cast<float>(step) + static_cast<float>(limit)) / highest;
    const float error = error_of(tried, limit);
    if (error < best) {
      best = error;
      f = tried;
    }
  }
  for (int i = 0; i < n; ++i) l[i] = std::min(nearest(f * x[i]), limit);
  Fit sums = fit(n, x, w, l);
  sweep(n, 0, limit, x, w, l, sums);
  store(n, 0, l, levels);
  return sums.ll > 0 ? sums.xl / sums.ll : 0;
}

}  // namespace llm::quant::search
