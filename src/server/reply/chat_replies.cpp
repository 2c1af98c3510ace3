#include "server/reply/chat_replies.h"

#include <utility>

#include "server/reply/pieces.h"

namespace llm::server {
namespace {

/// --skip-chat-parsing: the text is the content.
class PlainParser final : public chat::ReplyParser {
 public:
  chat::MessageDelta feed(std::string_view text) override {
    message_.content += text;
    return {.reasoning = {}, .content = std::string(text), .calls = {}};
  }
  chat::MessageDelta finish(bool) override { return {}; }
  const chat::Message& message() const override { return message_; }
  bool in_reasoning() const override { return false; }

 private:
  chat::Message message_;
};

/// `first`, then `second`.
chat::MessageDelta joined(chat::MessageDelta first, chat::MessageDelta second) {
  first.reasoning += second.reasoning;
  first.content += second.content;
  for (chat::CallPiece& piece : second.calls) first.calls.push_back(std::move(piece));
  return first;
}

}  // namespace

bool is_natural(StopType stop) {
  return stop == StopType::eos || stop == StopType::word;
}

std::unique_ptr<chat::ReplyParser> ChatReplies::make_parser() const {
  if (!plan_.format) return std::make_unique<PlainParser>();
  return plan_.format->parser(plan_.settings);
}

chat::ReplyParser& ChatReplies::parser(int index) {
  const auto wanted = static_cast<std::size_t>(index);
  while (streams_.size() <= wanted) streams_.emplace_back();
  Stream& stream = streams_[wanted];
  if (!stream.parser) {
    stream.parser = make_parser();
    chat::MessageDelta prefill = stream.parser->feed(plan_.prefill);
    if (plan_.streams_prefill) stream.unsent = std::move(prefill);
  }
  return *stream.parser;
}

chat::MessageDelta ChatReplies::feed(int index, std::string_view text) {
  chat::MessageDelta delta = parser(index).feed(text);
  // The prefill waits for the first text, so that a stream begins with both.
  if (text.empty()) return delta;
  return joined(std::exchange(streams_[static_cast<std::size_t>(index)].unsent, {}),
                std::move(delta));
}

chat::MessageDelta ChatReplies::finish(int index, StopType stop) {
  chat::MessageDelta delta = parser(index).finish(is_natural(stop));
  return joined(std::exchange(streams_[static_cast<std::size_t>(index)].unsent, {}),
                std::move(delta));
}

chat::Message ChatReplies::whole(const SequenceReply& reply) const {
  const auto parser = make_parser();
  parser->feed(plan_.prefill);
  parser->feed(reply.text());
  parser->finish(is_natural(reply.end().stop));
  return parser->message();
}

std::vector<std::string> ChatReplies::warnings(const chat::Message& message) const {
  std::vector<std::string> all = plan_.warnings;
  all.insert(all.end(), message.warnings.begin(), message.warnings.end());
  return all;
}

}  // namespace llm::server
