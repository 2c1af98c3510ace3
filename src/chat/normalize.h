// Messages as a particular template can digest them.
#pragma once

#include "base/json.h"
#include "chat/template.h"

namespace llm::chat {

/// `messages` as read_conversation() leaves them. Throws RequestError(400) when the arguments of a
/// call are no JSON.
void normalize_messages(Json& messages, const Template& chat_template);

// Used by the above; each is for one family.
void normalize_ministral(Json& messages);
void normalize_harmony(Json& messages);
void normalize_lfm2(Json& messages);
void normalize_gemma4(Json& messages);
void normalize_deepseek_v4(Json& messages);

}  // namespace llm::chat
