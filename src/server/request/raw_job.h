// What the raw endpoints (/completion, /v1/completions) have in common: `prompt` and the shared
// fields.
#pragma once

#include "server/generation.h"

namespace llm::server {

/// Everything but the format. Throws RequestError.
Job raw_job(const Json& body, const Serving& serving);

}  // namespace llm::server
