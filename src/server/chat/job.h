// From a chat request in OpenAI's shape to what runs and how its replies are read. Every chat wire
// format brings its requests into this shape first.
#pragma once

#include "base/json.h"
#include "server/generation.h"
#include "server/reply/chat_replies.h"

namespace llm::server {

struct ChatJob {
  Job job;  // complete but for the format
  ReplyPlan plan;
  std::shared_ptr<ReasoningSwitch> control;  // null: the thoughts may not be ended from outside
};

/// Throws RequestError naming the field.
ChatJob make_chat_job(Service& service, const Json& body);

/// The shared fields as chat requests spell them (`logprobs`, `reasoning_format`, ...).
CompletionParams parse_chat_params(const Json& body, const CompletionParams& defaults,
                                   const Limits& limits);

}  // namespace llm::server
