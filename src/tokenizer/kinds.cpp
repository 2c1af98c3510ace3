#include "tokenizer/kinds.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "tokenizer/bpe.h"
#include "tokenizer/bpe_variants.h"
#include "tokenizer/plamo2.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/rwkv.h"
#include "tokenizer/spm.h"
#include "tokenizer/ugm.h"
#include "tokenizer/wpm.h"

namespace llm {
namespace {

using gguf::Metadata;
using Model = std::unique_ptr<const TextModel>;

void set_spm_defaults(Vocabulary& v, const Metadata&) {
  v.special.bos = 1;
  v.special.eos = 2;
  v.special.unk = 0;
  v.special.add_bos = v.add_space_prefix = v.escape_spaces = true;
}

void set_bpe_defaults(Vocabulary& v, const Metadata& metadata) {
  const bool gemma4 = v.model == "gemma4";
  std::string name =
      gemma4 ? v.model : metadata.get_or<std::string>("tokenizer.ggml.pre", std::string());
  if (name.empty()) {
    log::warn("tokenizer.ggml.pre is missing: words are cut in the way named 'default'");
    name = "default";
  }
  v.pre = PreTokenizer::find(name);
  if (!v.pre) fail("unknown pre-tokenizer type '{}' in tokenizer.ggml.pre", name);
  if (!gemma4 && v.pre->default_bos) v.special.bos = 11;
  if (!gemma4) v.special.eos = 11;
  v.special.add_bos = v.pre->add_bos;
  v.special.add_sep = v.pre->add_sep;
  v.clean_spaces = v.pre->clean_spaces;
  v.escape_spaces = v.pre->escape_spaces;
  v.lowercase = metadata.get_or<bool>("tokenizer.ggml.normalizer.lowercase", false);
}

void set_wpm_defaults(Vocabulary& v, const Metadata& metadata) {
  v.special.bos = 101;
  v.special.unk = 100;
  v.special.sep = 102;
  v.special.pad = 0;
  v.special.mask = 103;
  v.special.add_bos = v.special.add_sep = true;
  v.clean_spaces = v.escape_spaces = true;
  v.frame = Frame::always;
  v.lowercase = metadata.get_or<bool>("tokenizer.ggml.normalizer.lowercase", true);
  v.strip_accents = metadata.get_or<bool>("tokenizer.ggml.normalizer.strip_accents", v.lowercase);
}

void set_ugm_defaults(Vocabulary& v, const Metadata&) {
  v.special.eos = 1;
  v.special.unk = 2;
  v.special.pad = 0;
  v.special.add_eos = v.escape_spaces = true;
}

void set_rwkv_defaults(Vocabulary& v, const Metadata&) {
  v.frame = Frame::never;
  v.escape_spaces = true;
}

void set_plamo2_defaults(Vocabulary& v, const Metadata&) {
  v.special.bos = 1;
  v.special.eos = 2;
  v.special.unk = 0;
  v.special.pad = 3;
  v.frame = Frame::never;
  v.escape_spaces = true;
}

void set_no_defaults(Vocabulary&, const Metadata&) {}

template <class T>
Model make_from_tokens(const Vocabulary& v, const Metadata&) {
  return std::make_unique<T>(v);
}

std::unique_ptr<BpeModel> make_plain_bpe(const Vocabulary& v, const Metadata& metadata) {
  std::vector<std::string> merges;
  if (v.pre->needs_merges || metadata.has("tokenizer.ggml.merges"))
    merges = metadata.need<std::vector<std::string>>("tokenizer.ggml.merges");
  return std::make_unique<BpeModel>(v, merges);
}

Model make_bpe(const Vocabulary& v, const Metadata& metadata) {
  return make_plain_bpe(v, metadata);
}

template <class Variant>
Model make_bpe_variant(const Vocabulary& v, const Metadata& metadata) {
  return std::make_unique<Variant>(v, make_plain_bpe(v, metadata));
}

/// An array of bytes; converters write them with and without sign.
std::string bytes_of(const Metadata& metadata, const char* key) {
  const gguf::Value* value = metadata.find(key);
  if (!value) return {};
  const auto* array = std::get_if<gguf::Array>(&value->value);
  std::string bytes;
  const auto read = [&]<class T>() {
    const auto* list = array ? std::get_if<std::vector<T>>(&array->elements) : nullptr;
    if (list) bytes.assign(list->begin(), list->end());
    return list != nullptr;
  };
  if (!read.operator()<std::uint8_t>() && !read.operator()<std::int8_t>())
    fail("{} is not an array of u8 or i8", key);
  return bytes;
}

Model make_ugm(const Vocabulary& v, const Metadata& metadata) {
  return std::make_unique<UgmModel>(
      v, CharacterMap(bytes_of(metadata, "tokenizer.ggml.precompiled_charsmap")));
}

Model make_none(const Vocabulary&, const Metadata&) {
  return nullptr;
}

constexpr VocabularyKind kKinds[] = {
    {"llama", VocabKind::spm, set_spm_defaults, make_from_tokens<SpmModel>},
    {"gpt2", VocabKind::bpe, set_bpe_defaults, make_bpe},
    {"gemma4", VocabKind::bpe, set_bpe_defaults, make_bpe},
    {"hybriddna", VocabKind::bpe, set_bpe_defaults, make_bpe_variant<HybridDnaModel>},
    {"whitespace", VocabKind::bpe, set_bpe_defaults, make_bpe_variant<WhitespaceModel>},
    {"bert", VocabKind::wpm, set_wpm_defaults, make_from_tokens<WpmModel>},
    {"t5", VocabKind::ugm, set_ugm_defaults, make_ugm},
    {"rwkv", VocabKind::rwkv, set_rwkv_defaults, make_from_tokens<RwkvModel>},
    {"plamo2", VocabKind::plamo2, set_plamo2_defaults, make_from_tokens<Plamo2Model>},
    {"none", VocabKind::none, set_no_defaults, make_none},
    {"no_vocab", VocabKind::none, set_no_defaults, make_none},
};

}  // namespace

const VocabularyKind* find_kind(std::string_view model) {
  const auto* const found =
      std::find_if(std::begin(kKinds), std::end(kKinds),
                   [&](const VocabularyKind& kind) { return kind.model == model; });
  return found == std::end(kKinds) ? nullptr : found;
}

}  // namespace llm
