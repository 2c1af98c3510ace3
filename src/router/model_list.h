// Entries of the list of models. Internal to the room.
#pragma once

#include <string>

#include "base/json.h"
#include "router/fleet.h"

namespace llm::router {

/// can_remove: models of the cache can be.
Json model_json(const ModelView& view, bool can_remove);
/// A model that is on its way.
Json download_json(const std::string& name);

}  // namespace llm::router
