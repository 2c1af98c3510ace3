// What is said about the loaded model, and what of it POST /props may change.
#pragma once

#include "base/json.h"
#include "server/service.h"

namespace llm::server {

/// Bodies of GET /props and GET /models.
Json props_json(const Service& service, const Serving& serving, bool is_sleeping);
Json models_json(const Service& service, const Serving& serving);

/// `wanted` is the body of POST /props: fields of default_generation_settings, bare, in `params`
/// (as GET shows them) or at the top, and chat_template. What it does not name stays.
RuntimeChanges with_changes(RuntimeChanges changes, const Json& wanted);
/// {"temperature":{"from":0.8,"to":0.2}, ...}; empty when nothing differs.
Json difference_of(const Serving& before, const Serving& after);

}  // namespace llm::server
