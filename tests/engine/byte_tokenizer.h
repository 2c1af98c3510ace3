// A vocabulary whose tokens are single bytes, so that tests can cut text anywhere.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "tokenizer/tokenizer.h"

namespace llm::test {

inline constexpr int kVocab = 300;
inline constexpr TokenId kFirstByte = 3;  // the token of byte b is kFirstByte + b

inline std::unique_ptr<Tokenizer> byte_tokenizer() {
  // Ids 0..2 are special, 3..258 are the bytes, the rest are plain words.
  std::vector<std::string> texts{"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> kinds{2, 3, 3};
  std::vector<float> scores(kVocab, 0.0f);
  for (int byte = 0; byte < 256; ++byte) {
    texts.push_back(fmt::format("<0x{:02X}>", byte));
    kinds.push_back(6);
  }
  while (texts.size() < kVocab) {
    texts.push_back("w" + std::to_string(texts.size()));
    kinds.push_back(1);
  }
  gguf::Metadata metadata;
  const auto array = [](gguf::ValueType type, auto values) {
    return gguf::Value{gguf::Array{type, std::move(values)}};
  };
  metadata.set("tokenizer.ggml.model", {std::string("llama")});
  metadata.set("tokenizer.ggml.tokens", array(gguf::ValueType::string, texts));
  metadata.set("tokenizer.ggml.scores", array(gguf::ValueType::f32, scores));
  metadata.set("tokenizer.ggml.token_type", array(gguf::ValueType::i32, kinds));
  metadata.set("tokenizer.ggml.bos_token_id", {std::uint32_t{1}});
  metadata.set("tokenizer.ggml.eos_token_id", {std::uint32_t{2}});
  metadata.set("tokenizer.ggml.add_bos_token", {false});
  return Tokenizer::load(metadata);
}

}  // namespace llm::test
