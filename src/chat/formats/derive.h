// The layout of replies to a template that no mark gives away, from what it renders.
#pragma once

#include <optional>

#include "chat/formats/layout.h"
#include "chat/template.h"

namespace llm::chat {

/// Nothing when calls cannot be made out, or when the parser made from the result does not read
/// back what the template writes.
std::optional<ReplyLayout> derive_layout(const Template& chat_template);

}  // namespace llm::chat
