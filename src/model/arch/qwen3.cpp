// Qwen3 (arXiv:2505.09388): every query and key head is normed before rope. With experts: softmax
// routing, the weights of the chosen made to sum to 1. Qwen3 VL: the same for text, with rope by
// interleaved sections.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

namespace {

DecoderPlan plan_of(ModelReader& r, const Rope& rope) {
  const float eps = r.rms_eps();
  return {.eps = eps,
          .attention = {.qk_norm = AttentionPlan::QkNorm::per_head, .eps = eps},
          .rope = rope};
}

MoePlan experts_of(ModelReader& r) {
  const Hyper& h = r.hyper();
  if (h.experts == 0) fail("key '{}' is missing or 0", r.full_key("expert_count"));
  const int split = h.ffn.front() / h.experts_used;  // files without the key cut a dense width
  return {.inner = r.count_or("expert_feed_forward_length", split, 1, 1 << 24)};
}

}  // namespace

std::unique_ptr<Model> make_qwen3(ModelReader& r) {
  return std::make_unique<Decoder>(r, plan_of(r, read_rope(r, Rope::Pairing::halves)));
}

std::unique_ptr<Model> make_qwen3moe(ModelReader& r) {
  DecoderPlan plan = plan_of(r, read_rope(r, Rope::Pairing::halves));
  plan.moe = experts_of(r);
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_qwen3vl(ModelReader& r) {
  return std::make_unique<Decoder>(r, plan_of(r, read_text_mrope(r, true)));
}

std::unique_ptr<Model> make_qwen3vlmoe(ModelReader& r) {
  DecoderPlan plan = plan_of(r, read_text_mrope(r, true));
  plan.moe = experts_of(r);
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
