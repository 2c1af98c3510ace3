// Vocabularies small enough to be read, made in the test.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gguf/metadata.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace llm::test {

class SmallVocabulary {
 public:
  static SmallVocabulary of_kind(const std::string& model) {
    SmallVocabulary v;
    v.metadata.set("tokenizer.ggml.model", {model});
    return v;
  }
  /// <unk> <s> </s> and the 256 byte tokens.
  static SmallVocabulary spm() {
    SmallVocabulary v = of_kind("llama");
    v.add("<unk>", TokenKind::unknown).add("<s>", TokenKind::control);
    v.add("</s>", TokenKind::control);
    for (int byte = 0; byte < 256; ++byte) v.add(fmt::format("<0x{:02X}>", byte), TokenKind::byte);
    return v;
  }
  /// The 256 byte tokens of byte-level BPE, id = byte.
  static SmallVocabulary bpe(const std::string& pre) {
    SmallVocabulary v = of_kind("gpt2");
    v.metadata.set("tokenizer.ggml.pre", {pre});
    for (int byte = 0; byte < 256; ++byte)
      v.add(std::string(ByteAlphabet::get().spelled(static_cast<unsigned char>(byte))));
    return v;
  }

  SmallVocabulary& add(std::string text, TokenKind kind = TokenKind::normal, float score = 0) {
    texts.push_back(std::move(text));
    kinds.push_back(static_cast<std::int32_t>(kind));
    scores.push_back(score);
    return *this;
  }
  /// A merge, and the token that it makes. Spelled as in files.
  SmallVocabulary& merge(const std::string& left, const std::string& right) {
    merges.push_back(left + " " + right);
    return add(left + right);
  }
  SmallVocabulary& set(const std::string& key, gguf::Value value) {
    metadata.set("tokenizer.ggml." + key, std::move(value));
    return *this;
  }

  gguf::Metadata finished() const {
    gguf::Metadata m = metadata;
    using gguf::Array;
    using gguf::ValueType;
    m.set("tokenizer.ggml.tokens", {Array{ValueType::string, texts}});
    m.set("tokenizer.ggml.scores", {Array{ValueType::f32, scores}});
    m.set("tokenizer.ggml.token_type", {Array{ValueType::i32, kinds}});
    m.set("tokenizer.ggml.merges", {Array{ValueType::string, merges}});
    return m;
  }
  std::unique_ptr<Tokenizer> load() const { return Tokenizer::load(finished()); }

  gguf::Metadata metadata;
  std::vector<std::string> texts, merges;
  std::vector<std::int32_t> kinds;
  std::vector<float> scores;
};

/// Texts of the ids, for readable expectations.
inline std::vector<std::string> spelled(const Tokenizer& t, std::string_view text,
                                        EncodeOptions options = {}) {
  std::vector<std::string> texts;
  for (const TokenId token : t.encode(text, options)) texts.push_back(t.text(token));
  return texts;
}

}  // namespace llm::test
