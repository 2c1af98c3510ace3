// What a template can express, found by rendering small conversations and looking for their
// needles in the output.
#pragma once

#include <cstdint>

#include "chat/template.h"

namespace llm::chat {

/// When probes are rendered: any moment, but not "now".
inline constexpr std::int64_t kProbeClock = 1;

TemplateCaps probe_caps(const Template& chat_template);
/// The variables by which templates are asked to keep the reasoning of earlier turns.
Json keep_reasoning_variables();
ReasoningFormat probe_reasoning(const Template& chat_template);

}  // namespace llm::chat
