// [{"id", "scale"}, ...]: adapters and their scales, as requests and /lora-adapters have them.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/adapters.h"

namespace llm::server {

/// `list` is an array. "name" may stand for "id"; an entry with neither means no adapter, one
/// without "scale" means 0. Throws RequestError(400) that names `field` for wrong types.
std::vector<AdapterScale> read_adapter_scales(const std::string& field, const Json& list);

}  // namespace llm::server
