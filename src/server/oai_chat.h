// OpenAI's chat completions: /v1/chat/completions.
#pragma once

#include "server/chat_prompt.h"
#include "server/native.h"

namespace llm::server {

class OaiChatFormat final : public ReplyFormat {
 public:
  OaiChatFormat(const Serving& serving, LiveRequests& live, CompletionParams params,
                const ChatPrompt& prompt);
  ~OaiChatFormat() override;

  std::string whole(std::span<const SequenceReply> replies) override;
  std::string progress(const SequenceReply& reply, const ProgressEvent& event) override;
  std::string chunk(const SequenceReply& reply, const Chunk& chunk) override;
  std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) override;
  std::string close(std::span<const SequenceReply> replies) override;

  const std::string& id() const { return id_; }

 private:
  /// Of one choice's stream.
  struct Progress {
    bool has_role = false;
    std::string unsent;  // goes in front of the next text
  };
  Progress& progress_of(const SequenceReply& reply);
  Json event(Json choices) const;
  Json choice(const SequenceReply& reply, Json delta, Json finish) const;
  std::string role_event(const SequenceReply& reply);
  Json score(const ScoredToken& scored) const;

  const Serving& serving_;
  LiveRequests& live_;
  CompletionParams params_;
  NativeFormat native_;  // for `__verbose`
  std::string prefill_;
  bool streams_prefill_;
  std::string id_;
  std::int64_t created_;
  std::vector<Progress> streams_;  // by index of the choice
};

/// The shared fields as chat requests spell them (`logprobs`, `response_format`, ...).
CompletionParams parse_chat_params(const Json& body, const CompletionParams& defaults,
                                   const Limits& limits);

http::Task<http::Response> oai_chat(Service& service, http::Exchange& exchange);

}  // namespace llm::server
