// The shared fields that are not plain numbers or switches: stop strings, samplers, biases,
// breakers, adapters, triggers.
#pragma once

#include "base/json.h"
#include "server/request/params.h"

namespace llm::server {

/// Part of parse_params(); same rules.
void read_list_fields(const Json& body, const CompletionParams& defaults, CompletionParams& params);

/// Adds the JSON Schema of each.
void add_list_schemas(Json& properties);

}  // namespace llm::server
