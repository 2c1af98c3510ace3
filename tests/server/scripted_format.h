// A reply format whose texts say themselves what they are, for tests of the wire formats.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chat/format.h"
#include "fakes.h"
#include "server/reply/chat_replies.h"
#include "server/reply_format.h"

namespace llm::server::test {

/// Each text that is fed is one step: "r:..." reasoning, "c:..." content, "f:name" a new call,
/// "a:..." arguments of the last one. Other texts are content.
class ScriptedParser final : public chat::ReplyParser {
 public:
  chat::MessageDelta feed(std::string_view step) override {
    chat::MessageDelta delta;
    const std::string text(step.substr(std::min<std::size_t>(step.size(), 2)));
    if (step.starts_with("r:")) {
      delta.reasoning = text;
    } else if (step.starts_with("f:")) {
      message_.calls.push_back({"id" + std::to_string(message_.calls.size()), text, ""});
      delta.calls.push_back({last(), message_.calls.back().id, text, ""});
    } else if (step.starts_with("a:")) {
      message_.calls.back().arguments += text;
      delta.calls.push_back({last(), "", "", text});
    } else {
      delta.content = step.starts_with("c:") ? text : std::string(step);
    }
    message_.reasoning += delta.reasoning;
    message_.content += delta.content;
    return delta;
  }
  chat::MessageDelta finish(bool) override { return {}; }
  const chat::Message& message() const override { return message_; }
  bool in_reasoning() const override { return false; }

 private:
  int last() const { return static_cast<int>(message_.calls.size()) - 1; }
  chat::Message message_;
};

class Scripted final : public chat::Format {
 public:
  std::string name() const override { return "scripted"; }
  std::unique_ptr<chat::ReplyParser> parser(const chat::ReplySettings&) const override {
    return std::make_unique<ScriptedParser>();
  }
  chat::ReplyConstraint constraint(const chat::ReplySettings&) const override { return {}; }
  std::vector<std::string> preserved_tokens() const override { return {}; }
  grammar::ThinkingTags thinking(const std::string&) const override { return {}; }
};

inline ReplyPlan scripted_plan() {
  ReplyPlan plan;
  plan.format = std::make_shared<Scripted>();
  return plan;
}

/// One choice's life, by hand.
struct ReplyStream {
  ReplyStream() { replies.emplace_back(*world.tokenizer, SequenceReply::Setup{.prompt = {1, 2}}); }
  Chunk chunk(const std::string& text) {
    return *replies[0].add({.token = letter('a'), .text = text});
  }
  std::string finish(ReplyFormat& format, StopType stop) {
    replies[0].finish({.stop = stop, .timings = {.predicted_tokens = 2}});
    return format.end(replies[0], replies) + format.close(replies);
  }

  World world;
  std::vector<SequenceReply> replies;
};

/// The JSON of every `data:` line but [DONE].
inline std::vector<Json> events_of(const std::string& text) {
  std::vector<Json> events;
  for (std::size_t at = 0; (at = text.find("data: ", at)) != text.npos;) {
    const std::size_t end = text.find('\n', at);
    const std::string data = text.substr(at + 6, end - at - 6);
    if (data != "[DONE]") events.push_back(Json::parse(data));
    at = end;
  }
  return events;
}

}  // namespace llm::server::test
