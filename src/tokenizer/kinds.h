// The kinds of vocabularies: what tokenizer.ggml.model may say, and what follows from it. A new
// kind is a row in kinds.cpp, a TextModel, and pieces.cpp where its tokens are spelled in a new
// way.
#pragma once

#include <memory>
#include <string_view>

#include "gguf/metadata.h"
#include "tokenizer/vocabulary.h"

namespace llm {

struct VocabularyKind {
  std::string_view model;  // value of tokenizer.ggml.model
  VocabKind kind;
  /// Ids and flags as they are before the file's keys change them.
  void (*set_defaults)(Vocabulary&, const gguf::Metadata&);
  /// Called when tokens, flags and default ids are there; the vocabulary outlives the model.
  std::unique_ptr<const TextModel> (*make)(const Vocabulary&, const gguf::Metadata&);
};

/// Null for a name that is no kind's.
const VocabularyKind* find_kind(std::string_view model);

}  // namespace llm
