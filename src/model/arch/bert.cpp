// BERT (arXiv:1810.04805) and RoBERTa as encoders: learned positions, gelu. BGE, E5, MiniLM and
// many rerankers are such models.
#include "model/bert.h"

#include "model/arch/families.h"

namespace llm {

std::unique_ptr<Model> make_bert(ModelReader& r) {
  r.set_causal_by_default(false);
  return std::make_unique<Bert>(r, BertPlan{.learned_positions = true,
                                            .ffn = {.form = FeedForwardPlan::Form::plain,
                                                    .activation = compute::Activation::gelu}});
}

}  // namespace llm
