// One JSON object per line in, one per line out.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace llm::inspect {

/// Answers every line that is not empty; errors name the line.
template <class Answer>
void answer_lines(Answer answer) {
  std::string line;
  for (int number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      const Json object = Json::parse(line);
      if (!object.is_object()) fail("expected a JSON object, got {}", object.type_name());
      fmt::print("{}\n", answer(object).dump());
      std::fflush(stdout);  // a program may wait for the answer before it asks on
    } catch (const Json::exception& error) {
      fail("line {}: {}", number, error.what());
    } catch (const Error& error) {
      fail("line {}: {}", number, error.what());
    }
  }
}

}  // namespace llm::inspect
