// Activations of one call in the form that the micro-kernels read: tokens in tiles, 8-bit integers
// with a scale per 32 columns, and for each scheme among the weights the sums that it needs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/cpu/aligned_buffer.h"
#include "compute/cpu/kernels.h"
#include "compute/tensor.h"

namespace llm::compute::cpu {

/// Some neighbouring slots that one micro-kernel call covers. A slot is a place in the batch: a
/// token, or with experts a token in one expert's list.
struct TokenTile {
  std::int32_t first_slot;
  std::int32_t count;
};

class PackedTokens {
 public:
  /// Begins a new batch of `slots` slots of `columns` values.
  void begin(std::int64_t slots, std::int64_t columns);

  /// Announces a scheme among the weights; before pack().
  void need(const Scheme& scheme);

  /// The same for BF16 weights, with Kernels::bf16.
  void need_bf16();

  /// Packs one tile; x has a row per slot of it. Tiles may be packed by different threads.
  void pack(const Kernels& kernels, TokenTile tile, const float* const* x);

  /// Fills the x pointers for `tile` from `column` on.
  void view(TokenTile tile, const Scheme& scheme, std::int64_t column,
            MultiplyArguments& arguments) const;
  void view_bf16(TokenTile tile, Bf16Arguments& arguments) const;

 private:
  /// Sums of integers over `step` columns; as floats, or times -zero.
  struct Sums {
    int step;
    bool as_float;
    int zero;
    AlignedBuffer values;  // [slot's tile][columns / step][tile], 4 bytes each

    bool serves(const Scheme& scheme) const;
  };
  const Sums& sums_for(const Scheme& scheme) const;

  std::int64_t bf16_columns() const { return (columns_ + kBlock - 1) / kBlock * kBlock; }

  std::int64_t slots_ = 0, columns_ = 0;
  bool needs_bf16_ = false;
  AlignedBuffer q_, scale_, sums16_, bf16_;
  std::vector<Sums> sums_;
  int sums_used_ = 0;
};

}  // namespace llm::compute::cpu
