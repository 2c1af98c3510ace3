// The families of models, one row each. A family is a file in this folder with a function that
// reads its hyper-parameters and returns the model.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "model/model.h"

namespace llm {

class ModelReader;

struct Family {
  std::string_view name;  // general.architecture
  std::unique_ptr<Model> (*make)(ModelReader& reader);
};

std::span<const Family> families();

std::unique_ptr<Model> make_llama(ModelReader& reader);
std::unique_ptr<Model> make_mistral3(ModelReader& reader);
std::unique_ptr<Model> make_qwen(ModelReader& reader);
std::unique_ptr<Model> make_qwen2(ModelReader& reader);
std::unique_ptr<Model> make_qwen2vl(ModelReader& reader);
std::unique_ptr<Model> make_qwen3(ModelReader& reader);
std::unique_ptr<Model> make_qwen3moe(ModelReader& reader);
std::unique_ptr<Model> make_qwen3vl(ModelReader& reader);
std::unique_ptr<Model> make_qwen3vlmoe(ModelReader& reader);
std::unique_ptr<Model> make_gemma(ModelReader& reader);
std::unique_ptr<Model> make_gemma2(ModelReader& reader);
std::unique_ptr<Model> make_gemma3(ModelReader& reader);
std::unique_ptr<Model> make_gpt_oss(ModelReader& reader);
std::unique_ptr<Model> make_phi2(ModelReader& reader);
std::unique_ptr<Model> make_phi3(ModelReader& reader);
std::unique_ptr<Model> make_granite(ModelReader& reader);
std::unique_ptr<Model> make_minicpm(ModelReader& reader);
std::unique_ptr<Model> make_chatglm(ModelReader& reader);
std::unique_ptr<Model> make_glm4(ModelReader& reader);
std::unique_ptr<Model> make_glm4moe(ModelReader& reader);
std::unique_ptr<Model> make_deepseek(ModelReader& reader);
std::unique_ptr<Model> make_minimax_m2(ModelReader& reader);
std::unique_ptr<Model> make_hunyuan_dense(ModelReader& reader);
std::unique_ptr<Model> make_hunyuan_moe(ModelReader& reader);
std::unique_ptr<Model> make_ernie4_5(ModelReader& reader);
std::unique_ptr<Model> make_ernie4_5_moe(ModelReader& reader);
std::unique_ptr<Model> make_exaone4(ModelReader& reader);
std::unique_ptr<Model> make_command_r(ModelReader& reader);
std::unique_ptr<Model> make_cohere2(ModelReader& reader);
std::unique_ptr<Model> make_olmo2(ModelReader& reader);
std::unique_ptr<Model> make_olmoe(ModelReader& reader);
std::unique_ptr<Model> make_seed_oss(ModelReader& reader);
std::unique_ptr<Model> make_smollm3(ModelReader& reader);
std::unique_ptr<Model> make_starcoder2(ModelReader& reader);
std::unique_ptr<Model> make_gptneox(ModelReader& reader);
std::unique_ptr<Model> make_falcon(ModelReader& reader);
std::unique_ptr<Model> make_baichuan(ModelReader& reader);

// Encoders: no text, only vectors.
std::unique_ptr<Model> make_bert(ModelReader& reader);
std::unique_ptr<Model> make_nomic_bert(ModelReader& reader);
std::unique_ptr<Model> make_nomic_bert_moe(ModelReader& reader);
std::unique_ptr<Model> make_jina_bert_v2(ModelReader& reader);
std::unique_ptr<Model> make_jina_bert_v3(ModelReader& reader);
std::unique_ptr<Model> make_modern_bert(ModelReader& reader);
std::unique_ptr<Model> make_neo_bert(ModelReader& reader);
std::unique_ptr<Model> make_eurobert(ModelReader& reader);
std::unique_ptr<Model> make_gemma_embedding(ModelReader& reader);
std::unique_ptr<Model> make_llama_embed(ModelReader& reader);
std::unique_ptr<Model> make_t5encoder(ModelReader& reader);

}  // namespace llm
