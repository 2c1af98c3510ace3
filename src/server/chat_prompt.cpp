#include "server/chat_prompt.h"

#include "base/error.h"
#include "server/service.h"

namespace llm::server {

ChatPrompt render_chat(const Service&, const Json&) {
  throw RequestError(501, "not_supported_error", "chat: not yet");
}

}  // namespace llm::server
