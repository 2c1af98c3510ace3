#include "options/vertex.h"

#include <algorithm>

#include "base/error.h"
#include "options/texts.h"

namespace llm::options {
namespace {

constexpr Variable kVariables[] = {
    {"AIP_MODE", "",
     "PREDICTION: the server answers in the form of Vertex AI, too; the other variables count only "
     "then"},
    {"AIP_HTTP_PORT", "", "the port to listen on; overrides --port"},
    {"AIP_PREDICT_ROUTE", "/predict", "path of POST requests with instances"},
    {"AIP_HEALTH_ROUTE", "", "path that answers as /health does"},
};

std::string_view value_of(const Environment& environment, const char* name) {
  const char* text = environment(name);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

/// A path for the table of routes, where braces and stars would be patterns.
std::string route(const char* name, std::string_view text) {
  const auto is_plain = [](char c) {
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_word || std::string_view("/-._~:@").find(c) != std::string_view::npos;
  };
  if (!std::all_of(text.begin(), text.end(), is_plain))
    fail("{}: expected a path of letters, digits and / - . _ ~ : @, got '{}'", name, text);
  return (text.starts_with('/') ? "" : "/") + std::string(text);
}

}  // namespace

std::span<const Variable> vertex_variables() {
  return kVariables;
}

std::optional<int> read_vertex(const Environment& environment, VertexOptions& vertex) {
  if (value_of(environment, "AIP_MODE") != "PREDICTION") return std::nullopt;
  vertex.is_on = true;
  if (const auto text = value_of(environment, "AIP_PREDICT_ROUTE"); !text.empty())
    vertex.predict_route = route("AIP_PREDICT_ROUTE", text);
  if (const auto text = value_of(environment, "AIP_HEALTH_ROUTE"); !text.empty())
    vertex.health_route = route("AIP_HEALTH_ROUTE", text);
  const auto port = value_of(environment, "AIP_HTTP_PORT");
  if (port.empty()) return std::nullopt;
  return static_cast<int>(integer("AIP_HTTP_PORT", port, 1, 65535));
}

}  // namespace llm::options
