// What the raw endpoints (/completion, /v1/completions) have in common: `prompt` and the shared
// fields.
#pragma once

#include "server/generation.h"

namespace llm::server {

/// Everything but the format. Throws RequestError.
Job raw_job(const Json& body, Serving& serving);

/// What follows from job.params: biases, constraint, limits.
void finish_raw_job(Job& job, Serving& serving);

}  // namespace llm::server
