// The fields of request bodies that belong to one endpoint: their types are checked and
// /openapi.json is written by the same rows. The fields that all generating endpoints share are in
// field_table.h.
#pragma once

#include <span>
#include <string_view>

#include "base/json.h"

namespace llm::server {

/// JSON types, to be joined by |. An integer may be written as any number or as a switch, as in the
/// reference.
enum JsonType : unsigned {
  kBool = 1,
  kInteger = 2,
  kNumber = 4,
  kString = 8,
  kArray = 16,
  kObject = 32,
};
inline constexpr unsigned kAnyType = 63;

struct BodyField {
  std::string_view name;
  unsigned types;
  std::string_view about;
  std::string_view more = {};       // further keywords of its JSON Schema, as the text of an object
  bool required = false;            // refused by the endpoint when it is absent, in its own words
  std::string_view complaint = {};  // about a wrong type, in place of the usual one
};
using BodyFields = std::span<const BodyField>;

/// 400 for a field of the wrong type, naming it. Absent and null fields pass.
void check_types(const Json& body, BodyFields fields);

/// JSON Schema of a value of these types; no `type` when all are allowed.
Json schema_of_types(unsigned types);
Json schema_of(const BodyField& field);

// request/endpoint_fields.cpp
BodyFields raw_fields();
BodyFields chat_fields();
BodyFields infill_fields();
BodyFields tokenize_fields();
BodyFields detokenize_fields();
BodyFields control_fields();
BodyFields response_fields();
BodyFields message_fields();
BodyFields embedding_fields();
BodyFields rerank_fields();
BodyFields props_fields();
BodyFields stream_lookup_fields();

}  // namespace llm::server
