// Replies of OpenAI's Responses API: an object with a list of output items, and its events.
#pragma once

#include "server/reply/chat_replies.h"
#include "server/reply_format.h"
#include "server/responses/store.h"
#include "server/serving.h"

namespace llm::server {

class ResponsesFormat final : public ReplyFormat {
 public:
  /// What of the request the reply repeats and what is kept of it.
  struct Setup {
    Json body;     // the request
    Json input;    // its items
    Json earlier;  // items of the turns before
    bool store = true;
  };
  ResponsesFormat(const Serving& serving, ResponseStore& store, const CompletionParams& params,
                  Setup setup, ReplyPlan plan);

  std::string whole(std::span<const SequenceReply> replies) override;
  std::string started(const SequenceReply& reply) override;
  std::string progress(const SequenceReply& reply, const ProgressEvent& event) override;
  std::string chunk(const SequenceReply& reply, const Chunk& chunk) override;
  std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) override;
  std::string close(std::span<const SequenceReply>) override { return {}; }
  std::string error(const RequestError& error) override;

 private:
  /// The output item that is being streamed.
  enum class Open { none, reasoning, text, call };

  std::string event(const char* type, Json members);
  Json response_json(const char* status) const;
  Json finished_json(const SequenceReply& reply, const chat::Message& message);
  std::string open(Open kind, Json item);
  std::string close_item();
  std::string close_part(const Json& part, const char* done);
  std::string parts(const chat::MessageDelta& delta);
  void keep(const Json& response);

  const Serving& serving_;
  ResponseStore& store_;
  const CompletionParams params_;
  Setup setup_;
  ChatReplies messages_;
  std::string id_;
  std::int64_t created_;

  Json output_ = Json::array();  // items that are complete
  int sequence_ = 0;             // number of the next event
  Open open_ = Open::none;
  Json item_;         // that is open, as it will be when complete
  std::string text_;  // of it, so far
  int call_ = -1;     // index of the call that it is
};

}  // namespace llm::server
