// What a client may ask of a generation, whatever wire format it speaks: the fields that every
// generating endpoint shares, as one struct. The table that fills it is request/fields.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/token.h"
#include "engine/adapters.h"
#include "grammar/filter.h"
#include "sampling/sampling.h"

namespace llm::server {

/// A token by its id, or (kNoToken) a text whose every token gets the bias.
struct LogitBias {
  TokenId token = kNoToken;
  std::string text;
  float bias = 0;
};

/// What the text must look like, as a request or the command line says it; see request/shape.h.
struct Shape {
  enum class Kind { none, gbnf, schema, regex, choice } kind = Kind::none;
  std::string field;  // that says it, for messages
  std::string text;   // GBNF or a regular expression
  Json schema;
  std::vector<std::string> choices;
  bool strict = false;  // of a schema: what cannot be kept is refused, not passed over
};

/// A limit on the tokens of thought; see request/reasoning_budget.h.
struct ReasoningParams {
  int budget = -1;  // -1: no limit
  std::string message;
  bool control = false;  // the thoughts may be ended from outside
  // Raw requests name the tags themselves; chat requests have those of the model's format.
  std::string start_tag;
  std::vector<std::string> end_tags;
};

struct CompletionParams {
  /// `logit_bias` and `dry_breakers` in here are token ids and are made from the texts below by
  /// resolve(), because parsing knows no vocabulary.
  SamplingParams sampling;
  std::vector<LogitBias> logit_bias;
  std::vector<std::string> dry_sequence_breakers;

  bool stream = false, include_usage = false;
  int max_tokens = -1;  // -1: until the context is full
  int choices = 1;
  int slot = -1;
  bool cache_prompt = true;
  int cache_reuse = 0;
  int keep_tokens = 0, discard_tokens = 0, min_line_indent = 0;
  std::int64_t max_predict_ms = -1;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  bool return_tokens = false, timings_per_token = false, return_progress = false;
  int ping_interval_s = 30;
  std::vector<std::string> response_fields;
  std::vector<AdapterScale> lora;  // empty: the server's scales
  bool verbose = false, backend_sampling = false;
  Shape shape;
  bool grammar_lazy = false;  // a GBNF grammar sleeps until a trigger fires
  std::vector<grammar::Trigger> grammar_triggers;
  std::vector<std::string> preserved_tokens;  // texts of control tokens that are shown
  ReasoningParams reasoning;

  std::vector<std::string> notices;  // what of the request was passed over, for the log

  // Shown in generation_settings; the chat formats set them.
  std::string chat_format = "Content-only", reasoning_format = "deepseek", generation_prompt;
};

}  // namespace llm::server
