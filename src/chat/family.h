// Formats of models that no general rule covers, recognised by marks in the template's text.
#pragma once

#include <string_view>

namespace llm::chat {

enum class Family {
  general,
  ministral3,
  harmony,  // gpt-oss
  functionary32,
  kimi_k2,
  cohere_moe,
  lfm2,
  lfm25,
  gigachat3,
  minimax_m3,
  deepseek_v32,
  deepseek_v4,
  gemma4,
  minicpm5,
  qwen3_coder,  // also Qwen 3.5 and Nemotron 3 Nano
};

Family detect_family(std::string_view template_source);

}  // namespace llm::chat
