// The scalar fields that every generating endpoint shares: name and aliases, destination, range and
// what they mean. Reading (fields.cpp), generation_settings and /openapi.json go by these rows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "server/request/params.h"

namespace llm::server {

template <class T>
using Own = T CompletionParams::*;
template <class T>
using OfSampling = T SamplingParams::*;
template <class T>
using OfReasoning = T ReasoningParams::*;
/// Where a field's value goes.
using FieldTarget =
    std::variant<Own<bool>, Own<int>, Own<std::int64_t>, OfSampling<bool>, OfSampling<int>,
                 OfSampling<float>, OfSampling<std::uint32_t>, OfReasoning<int>, OfReasoning<bool>>;

enum class Range {
  any,    // what the type holds
  clamp,  // pulled to the nearest bound
  hard,   // 400
  slots   // hard, 1 to the number of slots
};

struct Field {
  std::array<std::string_view, 3> names;  // the first one present counts
  FieldTarget to;
  std::string_view about;
  Range range = Range::any;
  double low = 0, high = 0;
};

std::span<const Field> shared_fields();
/// With its range, and the built-in default.
Json schema_of(const Field& field);

/// The destination in `params`.
template <class Params, class T>
auto& field_at(Params& params, Own<T> member) {
  return params.*member;
}
template <class Params, class T>
auto& field_at(Params& params, OfSampling<T> member) {
  return params.sampling.*member;
}
template <class Params, class T>
auto& field_at(Params& params, OfReasoning<T> member) {
  return params.reasoning.*member;
}

}  // namespace llm::server
