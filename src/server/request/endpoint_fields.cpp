// Every field that belongs to one endpoint or to the chat endpoints: one row each.
#include "server/request/body_fields.h"

namespace llm::server {
namespace {

// The rows keep a compact layout of their own.
// clang-format off
constexpr BodyField kModelField = {"model", kAnyType, "any name; one model is served"};
constexpr std::string_view kTokens = R"({"items":{"type":"integer"}})";
constexpr std::string_view kTexts = R"({"items":{"type":"string"}})";
constexpr std::string_view kTexts1 = R"({"items":{"type":"string"},"minItems":1})";
constexpr std::string_view kSwitchOff = R"({"default":false})", kSwitchOn = R"({"default":true})";
constexpr std::string_view kPromptMore = R"({"$ref":"#/components/schemas/Prompt"})";

constexpr BodyField kRaw[] = {
    {"prompt", kAnyType, "what the model goes on from", kPromptMore, true},
    kModelField,
    {"echo", kAnyType, "accepted, has no effect"},
    {"best_of", kAnyType, "accepted, has no effect"},
    {"suffix", kAnyType, "accepted, has no effect"},
    {"user", kAnyType, "accepted, has no effect"},
};

constexpr BodyField kChat[] = {
    {"messages", kArray, "the conversation",
     R"({"items":{"$ref":"#/components/schemas/Message"}})", true,
     "Expected 'messages' to be an array"},
    kModelField,
    {"tools", kArray, "functions that the model may call",
     R"({"items":{"$ref":"#/components/schemas/Tool"}})"},
    {"tool_choice", kString | kObject,
     "auto, none, required, or an object that names a function or the allowed tools"},
    {"parallel_tool_calls", kBool, "several calls in one reply; default: what the template shows"},
    {"parse_tool_calls", kBool, "calls are read; else they stay in the content", kSwitchOn},
    {"logprobs", kBool, "log-probabilities of the tokens", kSwitchOff},
    {"top_logprobs", kInteger, "how many of the likeliest tokens, with logprobs",
     R"({"minimum":0,"default":20})"},
    {"chat_template_kwargs", kObject, "variables of the chat template"},
    {"enable_thinking", kBool, "the model thinks first, where its template has the switch"},
    {"reasoning_effort", kString, "given to the template; none switches thinking off"},
    {"reasoning_format", kString, "where thoughts appear",
     R"({"enum":["none","auto","deepseek","deepseek-legacy"]})"},
    {"add_generation_prompt", kBool, "the prompt ends with the beginning of a reply", kSwitchOn},
    {"continue_final_message", kBool | kString,
     "go on with the last message: true, content or reasoning_content"},
    {"echo", kBool, "a continued text is part of the stream", kSwitchOff},
    {"user", kAnyType, "accepted, has no effect"},
    {"store", kAnyType, "accepted, has no effect"},
    {"metadata", kAnyType, "accepted, has no effect"},
};

constexpr BodyField kInfill[] = {
    {"input_prefix", kString | kArray, "what is in front of the gap: text, or texts and tokens",
     {}, true},
    {"input_suffix", kString | kArray, "what is behind the gap", {}, true},
    {"prompt", kString, "text between the prefix and the gap"},
    {"input_extra", kArray, "other files of the repository",
     R"({"items":{"type":"object","required":["text"],"properties":{"filename":{"type":"string"},"text":{"type":"string"}}}})",
     false, "\"input_extra\" must be an array of {\"filename\": string, \"text\": string}"},
    kModelField,
};

constexpr BodyField kTokenize[] = {
    {"content", kString | kArray, "text, or a list of texts and token ids",
     R"({"items":{"type":["string","integer"]}})"},
    {"add_special", kBool, "add the tokens that begin and end a text", kSwitchOff},
    {"parse_special", kBool, "names of control tokens become these tokens", kSwitchOn},
    {"with_pieces", kBool, "the text of each token, too", kSwitchOff},
    kModelField,
};

constexpr BodyField kDetokenize[] = {
    {"tokens", kArray, "token ids", kTokens},
    kModelField,
};

constexpr BodyField kControl[] = {
    {"id", kString, "of a running chat completion", {}, true},
    {"action", kString, "what is to happen", R"({"enum":["reasoning_end"]})", true},
    kModelField,
};

// What responses and chat requests have in common is in kChat.
constexpr BodyField kResponse[] = {
    {"input", kString | kArray, "a text, or items",
     R"({"items":{"type":"object"}})", true, "'input' must be a string or array of objects"},
    kModelField,
    {"instructions", kString, "becomes the first system message"},
    {"max_output_tokens", kInteger, "most tokens to generate"},
    {"previous_response_id", kString, "a kept response to go on from"},
    {"store", kBool, "keep the response", kSwitchOn},
    {"tools", kArray, "functions that the model may call",
     R"({"items":{"type":"object"}})", false, "'tools' must be an array of objects"},
    {"tool_choice", kString | kObject, "auto, none, required, or a function"},
    {"parallel_tool_calls", kBool, "several calls in one reply"},
    {"reasoning", kObject, "effort",
     R"({"properties":{"effort":{"type":["string","null"]}}})"},
    {"text", kObject, "format of the text", R"({"properties":{"format":{"type":"object"}}})"},
    {"include", kAnyType, "message.output_text.logprobs: log-probabilities"},
    {"top_logprobs", kInteger, "how many of the likeliest tokens, with include"},
    {"n", kAnyType, "accepted, has no effect"},
    {"n_cmpl", kAnyType, "accepted, has no effect"},
    {"logprobs", kAnyType, "accepted, has no effect"},
    {"background", kAnyType, "not supported: false"},
    {"conversation", kAnyType, "not supported"},
    {"prompt", kAnyType, "not supported"},
    {"truncation", kAnyType, "echoed"},
    {"metadata", kAnyType, "echoed"},
    {"user", kAnyType, "accepted, has no effect"},
    {"chat_template_kwargs", kObject, "variables of the chat template"},
    {"enable_thinking", kBool, "the model thinks first, where its template has the switch"},
    {"reasoning_format", kString, "where thoughts appear"},
};

constexpr BodyField kMessage[] = {
    {"messages", kArray, "the conversation",
     R"({"items":{"$ref":"#/components/schemas/Message"}})", true,
     "Expected 'messages' to be an array"},
    kModelField,
    {"system", kString | kArray, "the system prompt: text, or blocks of text"},
    {"max_tokens", kInteger, "most tokens to generate", R"({"minimum":-1,"default":4096})"},
    {"tools", kArray, "tools that the model may use",
     R"({"items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"description":{"type":"string"},"input_schema":{"type":"object"}}}})"},
    {"tool_choice", kObject, "auto, any, tool or none",
     R"({"properties":{"type":{"type":"string"},"name":{"type":"string"},"disable_parallel_tool_use":{"type":"boolean"}}})"},
    {"stop_sequences", kArray, "texts that end the reply", kTexts},
    {"stream", kBool, "send the reply as events", kSwitchOff},
    {"temperature", kNumber, "0: always the likeliest token"},
    {"top_p", kNumber, "keep the likeliest tokens that together reach this probability"},
    {"top_k", kInteger, "keep so many of the likeliest tokens"},
    {"thinking", kObject, "enabled, disabled or adaptive",
     R"({"properties":{"type":{"type":"string"},"budget_tokens":{"type":"integer"}}})"},
    {"output_format", kObject, "a JSON Schema that the text keeps"},
    {"output_config", kObject, "format, effort"},
    {"chat_template_kwargs", kObject, "variables of the chat template"},
    {"metadata", kAnyType, "accepted, has no effect"},
};

constexpr std::string_view kInputMore = R"({"$ref":"#/components/schemas/Prompt"})";
constexpr BodyField kEmbedding[] = {
    {"input", kAnyType, "what vectors are made of", kInputMore},
    {"content", kAnyType, "the same; asks for the native form of the reply", kInputMore},
    {"model", kString, "echoed"},
    {"encoding_format", kString, "how vectors are written",
     R"({"enum":["float","base64"],"default":"float"})", false,
     "The format to return the embeddings in. Can be either float or base64"},
    {"embd_normalize", kInteger, "-1 raw, 0 largest value 32760, p: p-norm",
     R"({"minimum":-1,"maximum":1048576})"},
    {"dimensions", kInteger, "the vectors are cut to so many numbers", R"({"minimum":1})"},
    {"truncate_prompt_tokens", kInteger, "inputs are cut to so many tokens; -1: to what fits",
     R"({"minimum":-1})"},
    {"truncate", kBool, "inputs are cut to what fits", kSwitchOff},
    {"user", kAnyType, "accepted, has no effect"},
};

constexpr BodyField kRerank[] = {
    {"query", kString, "what the documents are compared with", {}, true,
     "\"query\" must be a string"},
    {"documents", kArray, "texts; the reply is in Jina's form", kTexts1, false,
     "\"documents\" must be a non-empty string array"},
    {"texts", kArray, "the same; the reply is in TEI's form", kTexts1, false,
     "\"documents\" must be a non-empty string array"},
    {"top_n", kInteger, "only the best so many; default: all", R"({"minimum":0})"},
    {"return_text", kBool, "the texts, too, in TEI's form", kSwitchOff},
    {"model", kString, "echoed"},
    {"truncate_prompt_tokens", kInteger, "inputs are cut to so many tokens; -1: to what fits",
     R"({"minimum":-1})"},
    {"truncate", kBool, "inputs are cut to what fits", kSwitchOff},
};

// The settings themselves are those that generating endpoints share.
constexpr BodyField kProps[] = {
    {"default_generation_settings", kObject, "settings, or an object with them in params"},
    {"chat_template", kString, "source of the chat template", R"({"minLength":1})"},
};

constexpr BodyField kStreamLookup[] = {
    {"conversation_ids", kArray, "also finds ID::MODEL", R"({"items":{"type":"string"}})", true},
};
// clang-format on

}  // namespace

BodyFields raw_fields() {
  return kRaw;
}
BodyFields chat_fields() {
  return kChat;
}
BodyFields infill_fields() {
  return kInfill;
}
BodyFields tokenize_fields() {
  return kTokenize;
}
BodyFields detokenize_fields() {
  return kDetokenize;
}
BodyFields control_fields() {
  return kControl;
}
BodyFields response_fields() {
  return kResponse;
}
BodyFields message_fields() {
  return kMessage;
}
BodyFields embedding_fields() {
  return kEmbedding;
}
BodyFields rerank_fields() {
  return kRerank;
}
BodyFields props_fields() {
  return kProps;
}
BodyFields stream_lookup_fields() {
  return kStreamLookup;
}

}  // namespace llm::server
