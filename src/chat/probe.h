// What a template can express, found by rendering small conversations and looking for their
// needles in the output.
#pragma once

#include "chat/template.h"

namespace llm::chat {

TemplateCaps probe_caps(const Template& chat_template);
/// The variables by which templates are asked to keep the reasoning of earlier turns.
Json keep_reasoning_variables();
ReasoningFormat probe_reasoning(const Template& chat_template);

}  // namespace llm::chat
