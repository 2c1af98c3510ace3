// OpenAI's text completions: /v1/completions.
#pragma once

#include "server/native.h"

namespace llm::server {

class OaiCompletionsFormat final : public ReplyFormat {
 public:
  OaiCompletionsFormat(const Serving& serving, CompletionParams params);

  std::string whole(std::span<const SequenceReply> replies) override;
  std::string progress(const SequenceReply& reply, const ProgressEvent& event) override;
  std::string chunk(const SequenceReply& reply, const Chunk& chunk) override;
  std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) override;
  std::string close(std::span<const SequenceReply> replies) override;

 private:
  Json choice(const SequenceReply& reply, std::string text, Json logprobs, Json finish) const;
  Json head(Json choices) const;  // up to "object"
  Json partial(const SequenceReply& reply, std::string text, Json logprobs) const;

  const Serving& serving_;
  CompletionParams params_;
  NativeFormat native_;  // for `__verbose`
  std::string id_;
  std::int64_t created_;
};

http::Task<http::Response> oai_completions(Service& service, http::Exchange& exchange);

}  // namespace llm::server
