// What a client may ask of a generation, whatever wire format it speaks: the fields that every
// generating endpoint shares, as one struct. The table that fills it is request/fields.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/token.h"
#include "sampling/sampling.h"

namespace llm::server {

/// A token by its id, or (kNoToken) a text whose every token gets the bias.
struct LogitBias {
  TokenId token = kNoToken;
  std::string text;
  float bias = 0;
};

/// What the text must be. Schemas and grammars will join here.
enum class Constraint { none, json_object, json_value };

struct Lora {
  int id;
  float scale;
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
  std::vector<Lora> lora;
  bool verbose = false, backend_sampling = false;
  Constraint constraint = Constraint::none;

  // Shown in generation_settings; the chat formats set them.
  std::string chat_format = "Content-only", reasoning_format = "deepseek", generation_prompt;
};

}  // namespace llm::server
