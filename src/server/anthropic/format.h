// Anthropic's Messages replies: content blocks and their events.
#pragma once

#include "server/reply/chat_replies.h"
#include "server/reply_format.h"
#include "server/serving.h"

namespace llm::server {

/// {"type":"error","error":{"type","message", ...},"request_id"} with the numbers of an exceeded
/// context.
http::Response anthropic_error_response(const RequestError& error, const std::string& request);

class AnthropicFormat final : public ReplyFormat {
 public:
  /// stops: the client's own stop sequences. request: its id, for errors.
  AnthropicFormat(const Serving& serving, std::vector<std::string> stops, ReplyPlan plan,
                  std::string request);

  std::string whole(std::span<const SequenceReply> replies) override;
  std::string progress(const SequenceReply&, const ProgressEvent&) override { return {}; }
  std::string chunk(const SequenceReply& reply, const Chunk& chunk) override;
  std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) override;
  std::string close(std::span<const SequenceReply>) override { return {}; }
  std::string error(const RequestError& error) override;
  std::string ping() override;
  http::Response refusal(const RequestError& error) override {
    return anthropic_error_response(error, request_);
  }

 private:
  enum class Block { none, thinking, text, tool };

  Json message_json(Json content, Json stop_reason, Json stop_sequence, Json usage) const;
  Json stop_reason(const SequenceReply& reply, const chat::Message& message) const;
  Json stop_sequence(const SequenceReply& reply) const;
  std::string start(const SequenceReply& reply);
  std::string open(Block block, Json content);
  std::string close_block();
  std::string delta(Json delta) const;
  std::string parts(const chat::MessageDelta& delta);

  const Serving& serving_;
  std::vector<std::string> stops_;
  ChatReplies messages_;
  std::string request_, id_;
  bool has_started_ = false;
  Block block_ = Block::none;  // that is open
  int block_index_ = -1;       // of the last one
  int call_ = -1;              // that the open tool block belongs to
};

}  // namespace llm::server
