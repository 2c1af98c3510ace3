// Command lines as a test writes them.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "options/options.h"

namespace llm::options {

using Variables = std::map<std::string, std::string>;

inline ParseResult parse_line(std::vector<const char*> arguments, const Variables& variables = {}) {
  arguments.insert(arguments.begin(), "llama-server");
  return parse(static_cast<int>(arguments.size()), arguments.data(), [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

inline Options options_of(std::vector<const char*> arguments, const Variables& variables = {}) {
  return parse_line(std::move(arguments), variables).options;
}

inline std::string error_of(std::vector<const char*> arguments, const Variables& variables = {}) {
  try {
    parse_line(std::move(arguments), variables);
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

}  // namespace llm::options
