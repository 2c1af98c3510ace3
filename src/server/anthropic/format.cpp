#include "server/anthropic/format.h"

#include <algorithm>
#include <utility>

#include "server/errors.h"
#include "server/reply/pieces.h"

namespace llm::server {
namespace {

struct ErrorType {
  int status;
  const char* name;
};
constexpr ErrorType kErrorTypes[] = {
    {400, "invalid_request_error"}, {401, "authentication_error"}, {403, "permission_error"},
    {404, "not_found_error"},       {413, "request_too_large"},    {429, "rate_limit_error"},
    {503, "overloaded_error"},
};

const char* error_type(int status) {
  for (const ErrorType& row : kErrorTypes) {
    if (row.status == status) return row.name;
  }
  return status < 500 ? "invalid_request_error" : "api_error";
}

std::string event(const Json& data) {
  return sse(data["type"].get<std::string>(), dump(data));
}

/// A call that was cut off, or whose arguments are no object, has an empty input.
Json input_of(const std::string& arguments) {
  Json input = Json::parse(arguments, nullptr, false);
  return input.is_object() ? input : Json::object();
}

Json usage_of(const Timings& timings, int output_tokens) {
  return {{"cache_read_input_tokens", timings.cached_tokens},
          {"input_tokens", timings.prompt_tokens},
          {"output_tokens", output_tokens}};
}

Json thinking_block(const std::string& text) {
  return {{"type", "thinking"}, {"thinking", text}, {"signature", ""}};
}

Json error_object(const RequestError& error, const std::string& request) {
  Json body = {{"type", "error"}, {"error", error_json(error)["error"]}};
  body["error"]["type"] = error_type(error.status);
  body["request_id"] = request;
  return body;
}

}  // namespace

http::Response anthropic_error_response(const RequestError& error, const std::string& request) {
  http::Response response = http::json_response(error.status, dump(error_object(error, request)));
  if (error.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

AnthropicFormat::AnthropicFormat(const Serving& serving, std::vector<std::string> stops,
                                 ReplyPlan plan, std::string request)
    : serving_(serving),
      stops_(std::move(stops)),
      messages_(std::move(plan)),
      request_(std::move(request)),
      id_(random_id("msg_")) {}

std::string AnthropicFormat::error(const RequestError& error) {
  return event(error_object(error, request_));
}

std::string AnthropicFormat::ping() {
  return event({{"type", "ping"}});
}

Json AnthropicFormat::message_json(Json content, Json stop_reason, Json stop_sequence,
                                   Json usage) const {
  return {{"id", id_},
          {"type", "message"},
          {"role", "assistant"},
          {"content", std::move(content)},
          {"model", serving_.card.id},
          {"stop_reason", std::move(stop_reason)},
          {"stop_sequence", std::move(stop_sequence)},
          {"usage", std::move(usage)}};
}

/// Null unless one of the client's sequences ended the text.
Json AnthropicFormat::stop_sequence(const SequenceReply& reply) const {
  const EndEvent& end = reply.end();
  const bool is_own = end.stop == StopType::word &&
                      std::find(stops_.begin(), stops_.end(), end.stopping_word) != stops_.end();
  return is_own ? Json(end.stopping_word) : Json();
}

Json AnthropicFormat::stop_reason(const SequenceReply& reply, const chat::Message& message) const {
  if (!is_natural(reply.end().stop)) return "max_tokens";
  if (!message.calls.empty()) return "tool_use";
  return stop_sequence(reply).is_null() ? "end_turn" : "stop_sequence";
}

std::string AnthropicFormat::whole(std::span<const SequenceReply> replies) {
  const SequenceReply& reply = replies[0];
  const chat::Message message = messages_.whole(reply);
  Json content = Json::array();
  if (!message.reasoning.empty()) content.push_back(thinking_block(message.reasoning));
  if (!message.content.empty()) content.push_back({{"type", "text"}, {"text", message.content}});
  for (const chat::ToolCall& call : message.calls) {
    content.push_back({{"type", "tool_use"},
                       {"id", call.id},
                       {"name", call.name},
                       {"input", input_of(call.arguments)}});
  }
  return dump(message_json(std::move(content), stop_reason(reply, message), stop_sequence(reply),
                           usage_of(reply.timings(), reply.timings().predicted_tokens)));
}

/// Once, when the first token tells how much of the prompt was cached.
std::string AnthropicFormat::start(const SequenceReply& reply) {
  if (std::exchange(has_started_, true)) return {};
  const Json message =
      message_json(Json::array(), Json(), Json(), usage_of(reply.timings(), /*output_tokens=*/0));
  return event({{"type", "message_start"}, {"message", message}}) + ping();
}

std::string AnthropicFormat::delta(Json delta) const {
  return event(
      {{"type", "content_block_delta"}, {"index", block_index_}, {"delta", std::move(delta)}});
}

std::string AnthropicFormat::close_block() {
  if (block_ == Block::none) return {};
  std::string text;
  if (block_ == Block::thinking) text = delta({{"type", "signature_delta"}, {"signature", ""}});
  block_ = Block::none;
  return text + event({{"type", "content_block_stop"}, {"index", block_index_}});
}

std::string AnthropicFormat::open(Block block, Json content) {
  std::string text = close_block();
  block_ = block;
  ++block_index_;
  return text + event({{"type", "content_block_start"},
                       {"index", block_index_},
                       {"content_block", std::move(content)}});
}

std::string AnthropicFormat::parts(const chat::MessageDelta& part) {
  std::string text;
  if (!part.reasoning.empty()) {
    if (block_ != Block::thinking) text += open(Block::thinking, thinking_block(""));
    text += delta({{"type", "thinking_delta"}, {"thinking", part.reasoning}});
  }
  if (!part.content.empty()) {
    if (block_ != Block::text) text += open(Block::text, {{"type", "text"}, {"text", ""}});
    text += delta({{"type", "text_delta"}, {"text", part.content}});
  }
  for (const chat::CallPiece& piece : part.calls) {
    if (block_ != Block::tool || call_ != piece.index) {
      call_ = piece.index;
      text += open(Block::tool, {{"type", "tool_use"},
                                 {"id", piece.id},
                                 {"name", piece.name},
                                 {"input", Json::object()}});
    }
    if (piece.arguments.empty()) continue;
    text += delta({{"type", "input_json_delta"}, {"partial_json", piece.arguments}});
  }
  return text;
}

std::string AnthropicFormat::chunk(const SequenceReply& reply, const Chunk& chunk) {
  const std::string first = start(reply);
  return first + parts(messages_.feed(reply.index(), chunk.text));
}

std::string AnthropicFormat::end(const SequenceReply& reply, std::span<const SequenceReply>) {
  std::string text = start(reply);
  text += parts(messages_.finish(reply.index(), reply.end().stop));
  text += close_block();
  const chat::Message& message = messages_.message(reply.index());
  text += event(
      {{"type", "message_delta"},
       {"delta",
        {{"stop_reason", stop_reason(reply, message)}, {"stop_sequence", stop_sequence(reply)}}},
       {"usage", {{"output_tokens", reply.timings().predicted_tokens}}}});
  return text + event({{"type", "message_stop"}});
}

}  // namespace llm::server
