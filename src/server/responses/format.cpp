#include "server/responses/format.h"

#include <utility>

#include "base/utc.h"
#include "server/errors.h"
#include "server/reply/pieces.h"

namespace llm::server {
namespace {

Json reasoning_item(const std::string& id, const std::string* text) {
  Json content = Json::array();
  if (text != nullptr) content.push_back({{"text", *text}, {"type", "reasoning_text"}});
  return {{"id", id},
          {"summary", Json::array()},
          {"type", "reasoning"},
          {"content", std::move(content)},
          {"encrypted_content", ""},
          {"status", text == nullptr ? "in_progress" : "completed"}};
}

Json text_part(const std::string& text, Json logprobs = Json::array()) {
  return {{"type", "output_text"},
          {"annotations", Json::array()},
          {"logprobs", std::move(logprobs)},
          {"text", text}};
}

Json text_item(const std::string& id, const Json* part) {
  return {{"content", part == nullptr ? Json::array() : Json::array({*part})},
          {"id", id},
          {"role", "assistant"},
          {"status", part == nullptr ? "in_progress" : "completed"},
          {"type", "message"}};
}

/// call.id is what the next request names it by; the item has an id of its own.
Json call_item(const std::string& id, const chat::ToolCall& call, const char* status) {
  return {{"id", id},           {"type", "function_call"},
          {"status", status},   {"arguments", call.arguments},
          {"call_id", call.id}, {"name", call.name}};
}

/// "call_X" belongs to the item "fc_X".
std::string item_id_of(const std::string& call_id) {
  constexpr std::string_view kPrefix = "call_";
  return call_id.starts_with(kPrefix) ? "fc_" + call_id.substr(kPrefix.size()) : random_id("fc_");
}

Json member_or(const Json& body, const char* name, Json otherwise) {
  const Json* value = find(body, name);
  return value == nullptr ? std::move(otherwise) : *value;
}

}  // namespace

ResponsesFormat::ResponsesFormat(const Serving& serving, ResponseStore& store,
                                 const CompletionParams& params, Setup setup, ReplyPlan plan)
    : serving_(serving),
      store_(store),
      params_(params),
      setup_(std::move(setup)),
      messages_(std::move(plan)),
      id_(random_id("resp_")),
      created_(unix_seconds()) {}

std::string ResponsesFormat::event(const char* type, Json members) {
  Json data = {{"type", type}};
  data.update(members);
  data["sequence_number"] = sequence_++;
  return sse(type, dump(data));
}

Json ResponsesFormat::response_json(const char* status) const {
  const Json& body = setup_.body;
  const SamplingParams& sampling = params_.sampling;
  return {{"completed_at", nullptr},
          {"created_at", created_},
          {"id", id_},
          {"model", serving_.card.id},
          {"object", "response"},
          {"output", Json::array()},
          {"status", status},
          {"usage", nullptr},
          {"error", nullptr},
          {"incomplete_details", nullptr},
          {"instructions", member_or(body, "instructions", nullptr)},
          {"max_output_tokens", member_or(body, "max_output_tokens", nullptr)},
          {"metadata", member_or(body, "metadata", Json::object())},
          {"parallel_tool_calls", member_or(body, "parallel_tool_calls", true)},
          {"previous_response_id", member_or(body, "previous_response_id", nullptr)},
          {"reasoning", member_or(body, "reasoning", {{"effort", nullptr}, {"summary", nullptr}})},
          {"store", setup_.store},
          {"temperature", sampling.temperature},
          {"text", member_or(body, "text", {{"format", {{"type", "text"}}}})},
          {"tool_choice", member_or(body, "tool_choice", "auto")},
          {"tools", member_or(body, "tools", Json::array())},
          {"top_p", sampling.top_p},
          {"truncation", "disabled"}};
}

/// The response when its output is complete; it is kept when that is wanted.
Json ResponsesFormat::finished_json(const SequenceReply& reply, const chat::Message& message) {
  const bool is_complete = is_natural(reply.end().stop);
  Json response = response_json(is_complete ? "completed" : "incomplete");
  response["completed_at"] = unix_seconds();
  if (!is_complete) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
  response["output"] = output_;
  const int input = static_cast<int>(reply.prompt().size());
  const int output = reply.timings().predicted_tokens;
  // The engine does not tell thoughts from text: this is what the thoughts would be alone.
  const std::size_t thought = serving_.tokenizer.encode(message.reasoning, {}).size();
  response["usage"] = {
      {"input_tokens", input},
      {"output_tokens", output},
      {"total_tokens", input + output},
      {"input_tokens_details", {{"cached_tokens", reply.timings().cached_tokens}}},
      {"output_tokens_details", {{"reasoning_tokens", message.reasoning.empty() ? 0 : thought}}}};
  const auto warnings = messages_.warnings(message);
  if (!warnings.empty()) response["warnings"] = warnings;
  keep(response);
  return response;
}

void ResponsesFormat::keep(const Json& response) {
  if (!setup_.store) return;
  Json conversation = setup_.earlier;
  for (const Json& item : setup_.input) conversation.push_back(item);
  for (const Json& item : output_) conversation.push_back(item);
  store_.put(id_, {response, setup_.input, std::move(conversation)});
}

std::string ResponsesFormat::whole(std::span<const SequenceReply> replies) {
  const SequenceReply& reply = replies[0];
  const chat::Message message = messages_.whole(reply);
  if (!message.reasoning.empty()) {
    output_.push_back(reasoning_item(random_id("rs_"), &message.reasoning));
  }
  if (!message.content.empty()) {
    Json logprobs = Json::array();
    if (params_.sampling.n_probs > 0) {
      logprobs =
          scores_json(reply.scores(), serving_.tokenizer, params_.sampling.post_sampling_probs);
    }
    const Json part = text_part(message.content, std::move(logprobs));
    output_.push_back(text_item(random_id("msg_"), &part));
  }
  for (const chat::ToolCall& call : message.calls) {
    output_.push_back(call_item(item_id_of(call.id), call, "completed"));
  }
  return dump(finished_json(reply, message));
}

std::string ResponsesFormat::started(const SequenceReply&) {
  const Json response = response_json("in_progress");
  std::string text = event("response.created", {{"response", response}});
  return text + event("response.in_progress", {{"response", response}});
}

std::string ResponsesFormat::progress(const SequenceReply&, const ProgressEvent& progress) {
  return event("response.in_progress", {{"response", response_json("in_progress")},
                                        {"prompt_progress", progress_json(progress)}});
}

std::string ResponsesFormat::open(Open kind, Json item) {
  std::string text = close_item();
  open_ = kind;
  item_ = std::move(item);
  text_.clear();
  text += event("response.output_item.added", {{"output_index", output_.size()}, {"item", item_}});
  if (kind == Open::call) return text;
  const Json part =
      kind == Open::text ? text_part("") : Json{{"type", "reasoning_text"}, {"text", ""}};
  return text + event("response.content_part.added", {{"item_id", item_["id"]},
                                                      {"output_index", output_.size()},
                                                      {"content_index", 0},
                                                      {"part", part}});
}

std::string ResponsesFormat::close_part(const Json& part, const char* done) {
  const Json place = {
      {"item_id", item_["id"]}, {"output_index", output_.size()}, {"content_index", 0}};
  Json text = place;
  text["text"] = text_;
  if (open_ == Open::text) text["logprobs"] = Json::array();
  Json whole = place;
  whole["part"] = part;
  const std::string first = event(done, std::move(text));
  return first + event("response.content_part.done", std::move(whole));
}

std::string ResponsesFormat::close_item() {
  if (open_ == Open::none) return {};
  std::string text;
  const std::string id = item_["id"];
  if (open_ == Open::text) {
    const Json part = text_part(text_);
    text = close_part(part, "response.output_text.done");
    item_ = text_item(id, &part);
  } else if (open_ == Open::reasoning) {
    text =
        close_part({{"type", "reasoning_text"}, {"text", text_}}, "response.reasoning_text.done");
    item_ = reasoning_item(id, &text_);
  } else {
    item_["arguments"] = text_;
    item_["status"] = "completed";
    text = event("response.function_call_arguments.done", {{"item_id", id},
                                                           {"output_index", output_.size()},
                                                           {"name", item_["name"]},
                                                           {"arguments", text_}});
  }
  open_ = Open::none;
  text += event("response.output_item.done", {{"output_index", output_.size()}, {"item", item_}});
  output_.push_back(item_);
  return text;
}

std::string ResponsesFormat::parts(const chat::MessageDelta& part) {
  const auto delta = [this](const char* type, const std::string& piece) {
    text_ += piece;
    Json members = {{"item_id", item_["id"]}, {"output_index", output_.size()}};
    if (open_ != Open::call) members["content_index"] = 0;
    members["delta"] = piece;
    if (open_ == Open::text) members["logprobs"] = Json::array();
    return event(type, std::move(members));
  };
  std::string text;
  if (!part.reasoning.empty()) {
    if (open_ != Open::reasoning) {
      text += open(Open::reasoning, reasoning_item(random_id("rs_"), nullptr));
    }
    text += delta("response.reasoning_text.delta", part.reasoning);
  }
  if (!part.content.empty()) {
    if (open_ != Open::text) text += open(Open::text, text_item(random_id("msg_"), nullptr));
    text += delta("response.output_text.delta", part.content);
  }
  for (const chat::CallPiece& piece : part.calls) {
    if (open_ != Open::call || call_ != piece.index) {
      call_ = piece.index;
      const chat::ToolCall call{.id = piece.id, .name = piece.name, .arguments = ""};
      text += open(Open::call, call_item(item_id_of(piece.id), call, "in_progress"));
    }
    if (piece.arguments.empty()) continue;
    text += delta("response.function_call_arguments.delta", piece.arguments);
  }
  return text;
}

std::string ResponsesFormat::chunk(const SequenceReply& reply, const Chunk& chunk) {
  return parts(messages_.feed(reply.index(), chunk.text));
}

std::string ResponsesFormat::end(const SequenceReply& reply, std::span<const SequenceReply>) {
  std::string text = parts(messages_.finish(reply.index(), reply.end().stop));
  text += close_item();
  const Json response = finished_json(reply, messages_.message(reply.index()));
  const bool is_complete = is_natural(reply.end().stop);
  return text + event(is_complete ? "response.completed" : "response.incomplete",
                      {{"response", response}, {"timings", timings_json(reply.timings())}});
}

std::string ResponsesFormat::error(const RequestError& error) {
  Json response = response_json("failed");
  response["error"] = {{"code", "server_error"}, {"message", error.what()}};
  response["output"] = output_;
  std::string text = event("error", {{"code", error.type},
                                     {"message", error.what()},
                                     {"param", nullptr},
                                     {"error", error_json(error)["error"]}});
  return text + event("response.failed", {{"response", std::move(response)}});
}

}  // namespace llm::server
