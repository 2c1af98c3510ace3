// What a request may ask of its text's shape: a GBNF grammar, a JSON Schema, a regular expression,
// a list of texts. llama.cpp, OpenAI and vLLM spell them differently; all are read here.
#pragma once

#include "base/json.h"
#include "server/request/params.h"

namespace llm::server {

/// `otherwise` when the body names none; an empty `grammar` asks for none. Throws RequestError(400)
/// naming the field, also when two fields contradict each other.
Shape read_shape(const Json& body, const Shape& otherwise);

/// Adds the JSON Schema of each field that read_shape() reads.
void add_shape_schemas(Json& properties);

/// Any JSON object: {"type":"object"}.
Shape json_object_shape(std::string field);

/// `grammar_triggers`: [{"type", "value", "token"?}], types 0 token, 1 word, 2 pattern, 3 pattern
/// of the whole text.
std::vector<grammar::Trigger> triggers_of(const Json& value);
Json triggers_json(const CompletionParams& params);

}  // namespace llm::server
