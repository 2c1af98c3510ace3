// The encoder of the BERT kind (arXiv:1810.04805): embeddings with their norm, then layers whose
// norms come behind each sub-layer's sum. A family states its choices in a BertPlan.
#pragma once

#include <optional>
#include <vector>

#include "model/blocks.h"
#include "model/loaded_model.h"

namespace llm {

struct BertPlan {
  bool learned_positions = false;  // "position_embd"
  std::optional<compute::Rope> rope;
  AttentionPlan attention;
  FeedForwardPlan ffn;
  std::optional<MoePlan> moe;  // set: these layers are mixtures
  std::vector<bool> mixtures;
};

class Bert final : public LoadedModel {
 public:
  Bert(ModelReader& reader, const BertPlan& plan);

  compute::KvLayout kv_layout(quant::Type key_type, quant::Type value_type) const override;

 protected:
  compute::Tensor run(Step& step) const override;

 private:
  struct Layer {
    Attention attention;
    Norm attention_norm, second_norm, output_norm;
    std::optional<FeedForward> ffn;
    std::optional<MixtureOfExperts> moe;
  };

  Layer load_layer(ModelReader& reader, int index, float eps) const;
  compute::Tensor embed_tokens(Step& step) const;
  void run_layer(Step& step, const Layer& layer, int index, bool last, compute::Tensor& x) const;

  BertPlan plan_;
  compute::Weight embedding_, types_, positions_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace llm
