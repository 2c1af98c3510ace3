#include "model/arch/families.h"

namespace llm {
namespace {

constexpr Family kFamilies[] = {
    {"llama", make_llama},        // Llama 1-3, Mistral, Mixtral, TinyLlama, SmolLM, Yi, ...
    {"qwen2", make_qwen2},        // Qwen 2 and 2.5
    {"qwen3", make_qwen3},        //
    {"qwen3moe", make_qwen3moe},  //
    {"gemma3", make_gemma3},      //
};

}  // namespace

std::span<const Family> families() {
  return kFamilies;
}

}  // namespace llm
