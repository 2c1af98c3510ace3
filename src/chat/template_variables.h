// The variables of a chat request besides messages and tools.
#pragma once

#include "base/json.h"
#include "chat/render.h"

namespace llm::chat {

/// enable_thinking, dates, chat_template_kwargs and the like, by name. Throws RequestError(400).
Json template_variables(const Json& body, const Template& chat_template,
                        const RenderSettings& settings, const Json& tools);

}  // namespace llm::chat
