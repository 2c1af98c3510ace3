#include "compute/cpu/packed_tokens.h"

#include <algorithm>
#include <cassert>

namespace llm::compute::cpu {

bool PackedTokens::Sums::serves(const Scheme& scheme) const {
  return step == scheme.step && as_float == scheme.offset && (as_float || zero == scheme.zero);
}

void PackedTokens::begin(std::int64_t slots, std::int64_t columns) {
  slots_ = slots;
  columns_ = columns;
  sums_used_ = 0;
  needs_bf16_ = false;
}

void PackedTokens::need(const Scheme& scheme) {
  const auto used = sums_.begin() + sums_used_;
  if (std::any_of(sums_.begin(), used, [&](const Sums& s) { return s.serves(scheme); })) return;
  if (sums_used_ == 0) {
    q_.reserve(slots_ * columns_);
    scale_.reserve(slots_ * columns_ / kBlock * sizeof(float));
    sums16_.reserve(slots_ * columns_ / 16 * sizeof(std::int32_t));
  }
  if (used == sums_.end()) sums_.emplace_back();
  Sums& sums = sums_[sums_used_++];
  sums.step = scheme.step;
  sums.as_float = scheme.offset;
  sums.zero = scheme.zero;
  sums.values.reserve(slots_ * columns_ / scheme.step * 4);
}

void PackedTokens::need_bf16() {
  needs_bf16_ = true;
  bf16_.reserve(kBf16Parts * slots_ * bf16_columns() * sizeof(std::uint16_t));
}

void PackedTokens::pack(const Kernels& kernels, TokenTile tile, const float* const* x) {
  if (needs_bf16_) {
    const std::int64_t at = kBf16Parts * tile.first_slot * bf16_columns();
    kernels.bf16->pack(x, tile.count, columns_, bf16_.as<std::uint16_t>() + at);
  }
  if (sums_used_ == 0) return;
  const int n = tile.count;
  const std::int64_t steps = columns_ / 16;
  std::int8_t* q = q_.as<std::int8_t>() + tile.first_slot * columns_;
  float* scale = scale_.as<float>() + tile.first_slot * columns_ / kBlock;
  std::int32_t* sums16 = sums16_.as<std::int32_t>() + tile.first_slot * steps;
  for (int t = 0; t < n; ++t) {
    kernels.quantize(x[t], static_cast<int>(columns_ / kBlock), q + 4 * t, scale + t, sums16 + t,
                     n);
  }
  for (int s = 0; s < sums_used_; ++s) {
    const Sums& sums = sums_[s];
    const std::int64_t at = tile.first_slot * columns_ / sums.step;
    const std::int64_t count = columns_ / sums.step;
    const auto sum = [&](std::int64_t step, int t) {
      if (sums.step == 16) return sums16[step * n + t];
      return sums16[2 * step * n + t] + sums16[(2 * step + 1) * n + t];
    };
    for (std::int64_t step = 0; step < count; ++step) {
      for (int t = 0; t < n; ++t) {
        const std::int64_t to = at + step * n + t;
        if (sums.as_float) {
          sums.values.as<float>()[to] = static_cast<float>(sum(step, t));
        } else {
          sums.values.as<std::int32_t>()[to] = -sums.zero * sum(step, t);
        }
      }
    }
  }
}

const PackedTokens::Sums& PackedTokens::sums_for(const Scheme& scheme) const {
  const auto found = std::find_if(sums_.begin(), sums_.begin() + sums_used_,
                                  [&](const Sums& s) { return s.serves(scheme); });
  assert(found != sums_.begin() + sums_used_ && "need() was not called for this scheme");
  return *found;
}

void PackedTokens::view(TokenTile tile, const Scheme& scheme, std::int64_t column,
                        MultiplyArguments& arguments) const {
  const std::int64_t first = tile.first_slot, n = tile.count;
  arguments.x = q_.as<std::int8_t>() + first * columns_ + column * n;
  arguments.x_scale = scale_.as<float>() + first * columns_ / kBlock + column / kBlock * n;
  const Sums& sums = sums_for(scheme);
  const std::int64_t at = first * columns_ / sums.step + column / sums.step * n;
  arguments.x_start = sums.as_float ? nullptr : sums.values.as<std::int32_t>() + at;
  arguments.x_sum = sums.as_float ? sums.values.as<float>() + at : nullptr;
}

void PackedTokens::view_bf16(TokenTile tile, Bf16Arguments& arguments) const {
  arguments.x = bf16_.as<std::uint16_t>() + kBf16Parts * tile.first_slot * bf16_columns();
  arguments.x_columns = bf16_columns();
  arguments.tokens = tile.count;
}

}  // namespace llm::compute::cpu
