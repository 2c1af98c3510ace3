// Which layer of a model a tensor belongs to, by its name.
#pragma once

#include <optional>
#include <string_view>

namespace llm {

/// The number behind "blk." in "blk.3.attn_q.weight" or "enc.blk.3.…"; nothing for tensors outside
/// of the layers.
std::optional<int> layer_of(std::string_view tensor);

}  // namespace llm
