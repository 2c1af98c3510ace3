// A byte-level BPE vocabulary of any size without any data: all 256 bytes, made-up words with
// merges that build them, and the special tokens of a chat.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf/metadata.h"

namespace llm::gguf {

struct RandomVocabulary {
  static constexpr int kSpecialTokens = 3;
  static constexpr int kSmallest = 256 + kSpecialTokens;

  std::vector<std::string> tokens;  // the last three: <|endoftext|>, <|im_start|>, <|im_end|>
  std::vector<std::int32_t> types;  // 1 normal, 3 control
  std::vector<std::string> merges;  // merge i makes token 256 + i

  /// `size` >= kSmallest, else an Error.
  RandomVocabulary(int size, std::uint64_t seed);

  /// Adds every tokenizer.* key, with a chat template.
  void describe(Metadata& metadata) const;
};

}  // namespace llm::gguf
