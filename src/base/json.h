// The JSON type of the project: objects keep the order in which keys were written, because
// clients and tests compare texts.
#pragma once

#include <nlohmann/json.hpp>

namespace llm {
using Json = nlohmann::ordered_json;
}
