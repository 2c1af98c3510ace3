// From a chat request to the prompt that the engine gets: the room chat renders, this file
// tokenises.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/token.h"

namespace llm::server {

class Service;

struct ChatPrompt {
  std::string text;
  std::vector<TokenId> tokens;
  std::string generation_prompt;  // what the template adds behind the messages, without `prefill`
  std::string prefill;            // assistant text that is continued; part of the reply
  bool streams_prefill = false;   // the stream begins with it
  std::vector<std::string> stop;  // of the template's format
};

/// Tools are shown to the model: by its template or, where that cannot, as text. Throws
/// RequestError naming the field. CPU work: tens of microseconds per kilobyte.
ChatPrompt render_chat(const Service& service, const Json& body);

}  // namespace llm::server
