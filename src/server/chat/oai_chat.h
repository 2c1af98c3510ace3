// OpenAI's chat completions: /v1/chat/completions.
#pragma once

#include "server/chat/job.h"
#include "server/native.h"
#include "server/reply/chat_replies.h"

namespace llm::server {

class OaiChatFormat final : public ReplyFormat {
 public:
  /// control: ends the thoughts from outside; may be null.
  OaiChatFormat(const Serving& serving, LiveRequests& live, CompletionParams params, ReplyPlan plan,
                std::shared_ptr<ReasoningSwitch> control);
  ~OaiChatFormat() override;

  std::string whole(std::span<const SequenceReply> replies) override;
  std::string progress(const SequenceReply& reply, const ProgressEvent& event) override;
  std::string chunk(const SequenceReply& reply, const Chunk& chunk) override;
  std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) override;
  std::string close(std::span<const SequenceReply> replies) override;

  const std::string& id() const { return id_; }

 private:
  Json event(Json choices) const;
  Json choice(const SequenceReply& reply, Json delta, Json finish) const;
  std::string role_event(const SequenceReply& reply);
  std::string deltas(const SequenceReply& reply, const chat::MessageDelta& delta,
                     const Chunk* chunk) const;
  Json score(const ScoredToken& scored) const;

  const Serving& serving_;
  LiveRequests& live_;
  CompletionParams params_;
  NativeFormat native_;  // for `__verbose`
  ChatReplies messages_;
  std::string id_;
  std::int64_t created_;
  std::vector<bool> has_role_;  // by index of the choice
};

/// "tool_calls" when the model ended by itself and called.
const char* chat_finish_reason(StopType stop, const chat::Message& message);
/// {"role","content","reasoning_content"?,"tool_calls"?}
Json chat_message_json(const chat::Message& message);

http::Task<http::Response> oai_chat(Service& service, http::Exchange& exchange);

}  // namespace llm::server
