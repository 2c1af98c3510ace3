// Short ways to render small templates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/jinja/program.h"

namespace llm::test {

// Thursday 2026-03-05 14:07:09 UTC, the moment at which the recorded templates were rendered.
inline constexpr std::int64_t kRecordedClock = 1772719629;

inline std::string render(std::string_view source, const Json& context = Json::object(),
                          const chat::jinja::Limits& limits = {}) {
  const chat::jinja::Program program(source);
  std::vector<chat::jinja::Variable> variables;
  for (const auto& [name, value] : context.items()) variables.push_back({name, &value});
  return program.render(variables, kRecordedClock, limits);
}

/// The failure of a template; kind syntax and an empty text when it does not fail.
inline chat::jinja::Failure failure(std::string_view source, const Json& context = Json::object(),
                                    const chat::jinja::Limits& limits = {}) {
  try {
    render(source, context, limits);
  } catch (const chat::jinja::Failure& thrown) {
    return thrown;
  }
  return {chat::jinja::FailureKind::syntax, ""};
}

}  // namespace llm::test
