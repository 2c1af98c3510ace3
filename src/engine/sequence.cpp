#include "engine/sequence.h"

#include <limits>
#include <utility>

namespace llm {
namespace {

SamplingParams with_ignored_ends(const GenerationRequest& request, const Tokenizer& tokenizer) {
  SamplingParams params = request.sampling;
  if (request.ignore_eos) {
    for (const TokenId token : tokenizer.end_of_generation_tokens()) {
      params.logit_bias.emplace_back(token, -std::numeric_limits<float>::infinity());
    }
  }
  return params;
}

}  // namespace

Sequence::Sequence(Waiting waiting, PagedCache& cache, const Tokenizer& tokenizer, int slot_number)
    : handle(std::move(waiting.handle)),
      request(std::move(waiting.request)),
      sink(std::move(waiting.sink)),
      adapters(std::move(waiting.adapters)),
      tokens(cache, request->prompt, request->cache_prompt, contexts_of(adapters)),
      sampler(with_ignored_ends(*request, tokenizer), std::move(request->filter)),
      text(tokenizer, request->show_special, request->stop, request->min_line_indent),
      slot(slot_number),
      prompt_size(static_cast<int>(request->prompt.size())),
      submitted(waiting.since),
      admitted(Clock::now()) {
  sampler.observe_prompt(request->prompt);
}

}  // namespace llm
