#include "model/arch/families.h"

namespace llm {
namespace {

constexpr Family kFamilies[] = {
    {"llama", make_llama},        // Llama 1-3, Mistral, Mixtral, TinyLlama, SmolLM, Yi
    {"mistral3", make_mistral3},  // Ministral 3, Devstral
    {"qwen", make_qwen},
    {"qwen2", make_qwen2},      // Qwen 2, 2.5
    {"qwen2vl", make_qwen2vl},  // text
    {"qwen3", make_qwen3},
    {"qwen3moe", make_qwen3moe},
    {"qwen3vl", make_qwen3vl},        // text
    {"qwen3vlmoe", make_qwen3vlmoe},  // text
    {"gemma", make_gemma},
    {"gemma2", make_gemma2},
    {"gemma3", make_gemma3},
    {"gpt-oss", make_gpt_oss},
    {"phi2", make_phi2},
    {"phi3", make_phi3},  // Phi 3, 3.5, 4
    {"granite", make_granite},
    {"granitemoe", make_granite},
    {"minicpm", make_minicpm},
    {"chatglm", make_chatglm},
    {"glm4", make_glm4},
    {"glm4moe", make_glm4moe},
    {"deepseek", make_deepseek},
    {"minimax-m2", make_minimax_m2},
    {"hunyuan-dense", make_hunyuan_dense},
    {"hunyuan-moe", make_hunyuan_moe},
    {"ernie4_5", make_ernie4_5},
    {"ernie4_5-moe", make_ernie4_5_moe},
    {"exaone4", make_exaone4},
    {"command-r", make_command_r},
    {"cohere2", make_cohere2},  // Command R7B
    {"olmo2", make_olmo2},      // OLMo 2, 3
    {"olmoe", make_olmoe},
    {"seed_oss", make_seed_oss},
    {"smollm3", make_smollm3},
    {"starcoder2", make_starcoder2},
    {"gptneox", make_gptneox},  // Pythia
    {"falcon", make_falcon},
    {"baichuan", make_baichuan},
    {"bert", make_bert},  // BGE, E5, MiniLM, and rerankers
    {"nomic-bert", make_nomic_bert},
    {"nomic-bert-moe", make_nomic_bert_moe},
    {"jina-bert-v2", make_jina_bert_v2},
    {"jina-bert-v3", make_jina_bert_v3},
    {"modern-bert", make_modern_bert},
    {"neo-bert", make_neo_bert},
    {"eurobert", make_eurobert},
    {"gemma-embedding", make_gemma_embedding},
    {"llama-embed", make_llama_embed},
    {"t5encoder", make_t5encoder},
};

}  // namespace

std::span<const Family> families() {
  return kFamilies;
}

}  // namespace llm
