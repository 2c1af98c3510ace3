// What people call a file's quantisation ("Q4_K_M"): a base type, and for the mixes the tensors
// that get another one.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "quant/type.h"

namespace llm::quant {

struct FileType {
  std::string_view name;  // as flags spell it, upper case: "Q4_K_M"
  std::uint32_t number;   // general.file_type
  Type base;
};

std::span<const FileType> file_types();

/// Upper and lower case are the same; null when unknown. "Q4_K" means "Q4_K_M", and so on.
const FileType* find_file_type(std::string_view name);

/// What the choice of a tensor's type depends on, beside the tensor.
struct ModelFacts {
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int experts = 0;
  bool has_output = true;  // false: token_embd is the output matrix too
};

/// Matrices that may be stored quantised: not norms, biases, routers and the small tensors of
/// recurrent layers.
bool is_quantizable(std::string_view tensor, std::span<const std::int64_t> shape);

/// The type of a quantisable tensor in a file of this type; its rows may not fit (see fitting).
Type mixed_type(const FileType& file, std::string_view tensor, std::span<const std::int64_t> shape,
                const ModelFacts& model);

/// Types of so few bits that they are useless unless the columns' importance steers the search.
bool needs_importance(Type type);

/// `type`, or where rows of `cols` values are not whole blocks the type that takes its place.
Type fitting(Type type, std::int64_t cols);

}  // namespace llm::quant
