// The native wire format: /completion and /completions; /infill answers in it too.
#pragma once

#include "base/json.h"
#include "http/http.h"
#include "server/reply_format.h"
#include "server/service.h"

namespace llm::server {

class NativeFormat final : public ReplyFormat {
 public:
  NativeFormat(const Serving& serving, CompletionParams params)
      : serving_(serving), params_(std::move(params)) {}

  std::string whole(std::span<const SequenceReply> replies) override;
  std::string progress(const SequenceReply& reply, const ProgressEvent& event) override;
  std::string chunk(const SequenceReply& reply, const Chunk& chunk) override;
  std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) override;
  std::string close(std::span<const SequenceReply>) override { return {}; }

  /// The final object. in_stream: text and tokens have been sent already.
  Json final_object(const SequenceReply& reply, bool in_stream) const;

 private:
  Json partial_object(const SequenceReply& reply) const;

  const Serving& serving_;
  CompletionParams params_;
};

/// `response_fields`: only these keys of `whole`; "a/b" picks a nested value.
Json select_fields(const Json& whole, const std::vector<std::string>& fields);

http::Task<http::Response> native_completion(Service& service, http::Exchange& exchange);

}  // namespace llm::server
