// The environment of a container on Vertex AI: variables that no flag has.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "options/options.h"

namespace llm::options {

struct Variable {
  std::string_view name, normal, help;  // normal: what counts without it
};
std::span<const Variable> vertex_variables();

/// Without AIP_MODE=PREDICTION nothing is read. Returns the port to listen on, when there is one.
/// Error names the variable that is wrong.
std::optional<int> read_vertex(const Environment& environment, VertexOptions& vertex);

}  // namespace llm::options
