// The shared fields that are not plain numbers or switches: stop strings, samplers, biases,
// breakers, adapters, constraints.
#pragma once

#include "base/json.h"
#include "server/request/params.h"

namespace llm::server {

/// Part of parse_params(); same rules.
void read_list_fields(const Json& body, const CompletionParams& defaults, CompletionParams& params);

/// What a JSON schema asks for, as far as it can be honoured: `{}` (any JSON) and
/// `{"type":"object"}`. Throws 501 naming `name` for others, 400 when it is no object.
Constraint constraint_of_schema(const std::string& name, const Json& schema);

}  // namespace llm::server
