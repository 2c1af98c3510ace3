// The variables of a chat request besides messages and tools.
#pragma once

#include "base/json.h"
#include "chat/render.h"

namespace llm::chat {

/// What every rendering gets: the date in two forms, and the tools as text for templates that want
/// them so. `now_unix_s` 0: the clock.
Json standard_variables(const Template& chat_template, const Json& tools, std::int64_t now_unix_s);

/// enable_thinking, dates, chat_template_kwargs and the like, by name. Throws RequestError(400).
Json template_variables(const Json& body, const Template& chat_template,
                        const RenderSettings& settings, const Json& tools);

}  // namespace llm::chat
