#include "server/request/raw_job.h"

#include "base/error.h"
#include "server/request/prompt.h"

namespace llm::server {

Job raw_job(const Json& body, const Serving& serving) {
  const auto prompt = body.find("prompt");
  if (prompt == body.end()) {
    bad_field("prompt", "[json.exception.out_of_range.403] key 'prompt' not found");
  }
  Job job;
  job.params = parse_params(body, serving.defaults, serving.limits());
  for (const PromptParts& parts : parse_prompts(*prompt)) {
    job.prompts.push_back(encode_prompt(parts, serving.tokenizer));
  }
  serving.resolver.resolve(job.params);
  return job;
}

}  // namespace llm::server
