// The replies of a chat request, one parser per choice: text in, parts of messages out. Every chat
// wire format prints from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chat/format.h"
#include "server/reply/sequence.h"

namespace llm::server {

/// How the replies of a request are read.
struct ReplyPlan {
  std::shared_ptr<const chat::Format> format;  // null: all text is content
  chat::ReplySettings settings;
  std::string prefill;                // assistant text that is continued; part of the reply
  bool streams_prefill = false;       // the stream begins with it
  std::vector<std::string> warnings;  // about the request
};

/// The model ended by itself or by a stop string; else it was cut off.
bool is_natural(StopType stop);

class ChatReplies {
 public:
  explicit ChatReplies(ReplyPlan plan) : plan_(std::move(plan)) {}

  /// What becomes certain with `text` of choice `index`, cut anywhere.
  chat::MessageDelta feed(int index, std::string_view text);
  /// The choice has ended.
  chat::MessageDelta finish(int index, StopType stop);
  /// What has been fed to choice `index` so far.
  const chat::Message& message(int index) { return parser(index).message(); }

  /// The message of a reply that is complete and was not fed.
  chat::Message whole(const SequenceReply& reply) const;
  /// Of the request and of `message`.
  std::vector<std::string> warnings(const chat::Message& message) const;

 private:
  std::unique_ptr<chat::ReplyParser> make_parser() const;
  chat::ReplyParser& parser(int index);

  ReplyPlan plan_;
  struct Stream {
    std::unique_ptr<chat::ReplyParser> parser;
    chat::MessageDelta unsent;  // goes in front of the next part
  };
  std::vector<Stream> streams_;  // by index of the choice
};

}  // namespace llm::server
