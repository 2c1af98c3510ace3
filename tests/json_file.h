// A JSON file of expected values.
#pragma once

#include "base/json.h"
#include "shared_files.h"

namespace llm::test {

inline Json read_json_file(const std::filesystem::path& path) {
  return Json::parse(read_text_file(path));
}

}  // namespace llm::test
