#include "server/request/raw_job.h"

#include "base/error.h"
#include "server/request/prompt.h"

namespace llm::server {

void finish_raw_job(Job& job, Serving& serving) {
  const CompletionParams& params = job.params;
  serving.resolver.resolve(job.params);
  job.prepared = serving.grammars.get(params.shape);
  job.prepared.constraint.lazy = params.grammar_lazy;
  job.prepared.constraint.triggers = params.grammar_triggers;
  job.shown_tokens = shown_tokens(serving.tokenizer, nullptr, params.preserved_tokens);
  // Thoughts are known by the tags that the request names.
  job.limit = {.budget = params.reasoning.budget,
               .message = params.reasoning.message,
               .tags = {.start = params.reasoning.start_tag, .ends = params.reasoning.end_tags}};
}

Job raw_job(const Json& body, Serving& serving) {
  const auto prompt = body.find("prompt");
  if (prompt == body.end()) {
    bad_field("prompt", "[json.exception.out_of_range.403] key 'prompt' not found");
  }
  Job job;
  job.params = parse_params(body, serving.defaults, serving.limits());
  for (const PromptParts& parts : parse_prompts(*prompt)) {
    job.prompts.push_back(encode_prompt(parts, serving.tokenizer));
  }
  finish_raw_job(job, serving);
  return job;
}

}  // namespace llm::server
