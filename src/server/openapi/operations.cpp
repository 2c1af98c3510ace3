#include "server/openapi/operations.h"

#include <algorithm>

#include "server/anthropic/messages.h"
#include "server/chat/oai_chat.h"
#include "server/embeddings.h"
#include "server/endpoints.h"
#include "server/infill.h"
#include "server/native.h"
#include "server/oai_completions.h"
#include "server/rerank.h"
#include "server/responses/responses.h"

namespace llm::server {
namespace {

// clang-format off
const Operation kOperations[] = {
    {health, "Server", "Is the model ready?", Body::none, nullptr, false, false, {200, 503}},
    {models, "Server", "The served model, its names and sizes"},
    {props, "Server", "Settings of the server"},
    {set_props, "Server", "Changes defaults of requests and the chat template; needs --props",
     Body::fields, props_fields, true, false, {200, 501}},
    {slots, "Server", "What runs where", Body::none, nullptr, false, false, {200, 501, 503},
     {{"fail_on_no_slot", "query", "any value: 503 when no slot is idle"}}},
    {slot_action, "Server", "Save, restore or erase a slot; needs --slot-save-path", Body::any,
     nullptr, false, false, {200, 501},
     {{"id", "path", "number of the slot"}, {"action", "query", "save, restore or erase"}}},
    {metrics, "Server", "Prometheus metrics; needs --metrics", Body::none, nullptr, false, false,
     {200, 501}, {}, "text/plain"},
    {openapi, "Server", "This description"},

    {tokenize, "Tokens", "Text to tokens", Body::fields, tokenize_fields},
    {detokenize, "Tokens", "Tokens to text", Body::fields, detokenize_fields},
    {apply_template, "Tokens", "Messages to the prompt that they become", Body::fields, chat_fields,
     true},
    {count_chat_tokens, "Tokens", "How many tokens a chat request makes", Body::fields, chat_fields,
     true},
    {count_response_tokens, "Tokens", "How many tokens a response request makes", Body::fields,
     response_fields, true},
    {count_anthropic_tokens, "Tokens", "How many tokens a message request makes", Body::fields,
     message_fields},

    {native_completion, "Completions", "Text completion, native form", Body::fields, raw_fields,
     true, true, {200, 501}},
    {oai_completions, "Completions", "Text completion, OpenAI's form", Body::fields, raw_fields,
     true, true, {200, 501}},
    {infill, "Completions", "Fill-in-the-middle", Body::fields, infill_fields, true, true,
     {200, 501}},
    {oai_chat, "Chat", "Chat completion, OpenAI's form", Body::fields, chat_fields, true, true,
     {200, 501}},
    {chat_control, "Chat", "Ends the thoughts of a running chat", Body::fields, control_fields},
    {responses, "Chat", "OpenAI's Responses API", Body::fields, response_fields, true, true,
     {200, 501}},
    {stored_response, "Chat", "A kept response", Body::none, nullptr, false, false, {200, 404},
     {{"id", "path", "of the response"}}},
    {delete_response, "Chat", "Forgets a kept response", Body::none, nullptr, false, false,
     {200, 404}, {{"id", "path", "of the response"}}},
    {response_input_items, "Chat", "What a kept response was asked with", Body::none, nullptr,
     false, false, {200, 404}, {{"id", "path", "of the response"}}},
    {anthropic_messages, "Chat", "Anthropic's Messages API", Body::fields, message_fields, false,
     true, {200, 501}},

    {resume_stream, "Streams", "A recorded stream from a byte on, and what follows", Body::none,
     nullptr, false, false, {200, 400, 404, 410},
     {{"conv_id", "query", "X-Conversation-Id of the request that began it"},
      {"from", "query", "offset of the first byte that is wanted; default 0"}},
     "text/event-stream"},
    {forget_stream, "Streams", "Ends and forgets a recorded stream", Body::none, nullptr, false,
     false, {204, 400}, {{"conv_id", "query", "of the stream"}}},
    {find_streams, "Streams", "Which conversations have a recorded stream", Body::fields,
     stream_lookup_fields},

    {native_embeddings, "Vectors", "Embeddings, native form; needs --embeddings", Body::fields,
     embedding_fields, false, false, {200, 501}},
    {oai_embeddings, "Vectors", "Embeddings, OpenAI's form; needs --embeddings", Body::fields,
     embedding_fields, false, false, {200, 501}},
    {rerank, "Vectors", "Documents by their relevance to a query; needs --reranking", Body::fields,
     rerank_fields, false, false, {200, 501}},

    {lora_adapters, "Adapters", "Adapters and their scales"},
    {set_lora_adapters, "Adapters", "Sets the scales", Body::any},
    {load_lora_adapter, "Adapters", "Loads a file of the directory of --lora-dir: path, scale, name",
     Body::any, nullptr, false, false, {200, 403}},
    {remove_lora_adapter, "Adapters", "Removes one", Body::none, nullptr, false, false, {200, 400, 404},
     {{"id", "path", "of the adapter"}}},

    {no_audio, "Not yet", "Transcription", Body::any, nullptr, false, false, {501}},
    {feature_disabled, "Not yet", "Tools and the CORS proxy", Body::any, nullptr, false, false,
     {403}},
};
// clang-format on

}  // namespace

const Operation* operation_of(const RouteHandler& handler) {
  const auto* found =
      std::find_if(std::begin(kOperations), std::end(kOperations),
                   [&](const Operation& operation) { return operation.handler == handler; });
  return found == std::end(kOperations) ? nullptr : found;
}

}  // namespace llm::server
