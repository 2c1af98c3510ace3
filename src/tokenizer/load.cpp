// From the metadata of a file to a tokenizer.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "tokenizer/bpe.h"
#include "tokenizer/bpe_variants.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/spm.h"
#include "tokenizer/state.h"

namespace llm {
namespace {

using gguf::Metadata;

// Ids are positive 32-bit numbers; a vocabulary near that is a broken file.
constexpr std::int64_t kMaxTokens = 1 << 26;

void set_spm_defaults(Vocabulary& v) {
  v.kind = VocabKind::spm;
  v.special.bos = 1;
  v.special.eos = 2;
  v.special.unk = 0;
  v.special.add_bos = v.add_space_prefix = v.escape_spaces = true;
}

void set_bpe_defaults(Vocabulary& v, const Metadata& metadata) {
  v.kind = VocabKind::bpe;
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

/// Kind and defaults by the name in tokenizer.ggml.model.
void set_defaults(Vocabulary& v, const Metadata& metadata) {
  v.model = metadata.need<std::string>("tokenizer.ggml.model");
  if (v.model == "llama") return set_spm_defaults(v);
  if (v.model == "gpt2" || v.model == "gemma4" || v.model == "hybriddna" || v.model == "whitespace")
    return set_bpe_defaults(v, metadata);
  if (v.model == "none" || v.model == "no_vocab") return;
  for (const std::string_view later : {"bert", "t5", "rwkv", "plamo2"})
    if (v.model == later)
      fail("tokenizer.ggml.model '{}': vocabularies of this kind are not supported yet", later);
  fail("unknown tokenizer: '{}' in tokenizer.ggml.model", v.model);
}

std::uint16_t attributes_of(std::int32_t token_type) {
  switch (static_cast<TokenKind>(token_type)) {
    case TokenKind::normal:
      return kNormal;
    case TokenKind::unknown:
      return kUnknown;
    case TokenKind::control:
      return kControl;
    case TokenKind::user_defined:
      return kUserDefined;
    case TokenKind::unused:
      return kUnused;
    case TokenKind::byte:
      return kByte;
    default:
      return 0;
  }
}

/// A list beside the tokens may be longer than they are, not shorter.
template <class T>
std::optional<std::vector<T>> list_of(const Metadata& metadata, const char* key,
                                      std::size_t tokens) {
  auto list = metadata.get<std::vector<T>>(key);
  if (list && list->size() < tokens)
    fail("{} has {} entries, tokenizer.ggml.tokens has {}", key, list->size(), tokens);
  return list;
}

void read_tokens(Vocabulary& v, const Metadata& metadata) {
  v.texts = metadata.need<std::vector<std::string>>("tokenizer.ggml.tokens");
  const std::size_t count = v.texts.size();
  if (count == 0 || count > kMaxTokens)
    fail("tokenizer.ggml.tokens has {} entries, expected 1 to {}", count, kMaxTokens);
  for (std::size_t id = 0; id < count; ++id)
    if (v.texts[id].empty()) v.texts[id] = fmt::format("[EMPTY_{}]", id);

  auto scores = list_of<float>(metadata, "tokenizer.ggml.scores", count);
  v.scores = scores ? std::move(*scores) : std::vector<float>();
  v.scores.resize(count, 0.0f);
  v.attributes.assign(count, kNormal);
  if (const auto types = list_of<std::int32_t>(metadata, "tokenizer.ggml.token_type", count))
    std::transform(types->begin(), types->begin() + static_cast<std::ptrdiff_t>(count),
                   v.attributes.begin(), attributes_of);
  if (const TokenId twice = v.index.build(v.texts); twice != kNoToken)
    fail("tokenizer.ggml.tokens holds the text '{}' twice, as {} and {}", v.texts[twice],
         v.index.find(v.texts[twice]), twice);
}

/// A vocabulary without texts: as many dummy tokens as the model has rows.
void make_dummy_tokens(Vocabulary& v, const Metadata& metadata) {
  const auto architecture = metadata.get_or<std::string>("general.architecture", std::string());
  const std::string key = architecture + ".vocab_size";
  const auto count = metadata.get_or<std::int64_t>(key, 0);
  if (count < 0 || count > kMaxTokens) fail("{} is {}, expected 0 to {}", key, count, kMaxTokens);
  v.texts.resize(static_cast<std::size_t>(count));
  v.scores.resize(v.texts.size());
  v.attributes.resize(v.texts.size());
}

void read_special_ids(Vocabulary& v, const Metadata& metadata) {
  struct Row {
    const char* key;
    TokenId SpecialTokens::*id;
  };
  // The names prefix, suffix and middle are older and win.
  constexpr Row kRows[] = {
      {"bos", &SpecialTokens::bos},         {"eos", &SpecialTokens::eos},
      {"eot", &SpecialTokens::eot},         {"eom", &SpecialTokens::eom},
      {"unknown", &SpecialTokens::unk},     {"seperator", &SpecialTokens::sep},
      {"padding", &SpecialTokens::pad},     {"mask", &SpecialTokens::mask},
      {"fim_pre", &SpecialTokens::fim_pre}, {"fim_suf", &SpecialTokens::fim_suf},
      {"fim_mid", &SpecialTokens::fim_mid}, {"fim_pad", &SpecialTokens::fim_pad},
      {"fim_rep", &SpecialTokens::fim_rep}, {"fim_sep", &SpecialTokens::fim_sep},
      {"prefix", &SpecialTokens::fim_pre},  {"suffix", &SpecialTokens::fim_suf},
      {"middle", &SpecialTokens::fim_mid}};
  for (const Row& row : kRows) {
    TokenId& id = v.special.*row.id;
    if (!v.is_valid(id)) id = kNoToken;
    const std::string key = fmt::format("tokenizer.ggml.{}_token_id", row.key);
    const auto value = metadata.get<std::int64_t>(key);
    if (!value) continue;
    if (*value >= 0 && *value < v.size())
      id = static_cast<TokenId>(*value);
    else
      log::warn("{} is {}, but there are {} tokens: ignored", key, *value, v.size());
  }
  const auto read_flag = [&](const char* key, bool& flag) {
    flag = metadata.get_or<bool>(fmt::format("tokenizer.ggml.{}", key), flag);
  };
  read_flag("add_bos_token", v.special.add_bos);
  read_flag("add_eos_token", v.special.add_eos);
  read_flag("add_sep_token", v.special.add_sep);
  read_flag("add_space_prefix", v.add_space_prefix);
  if (v.pre && v.pre->force_bos) v.special.add_bos = true;
}

std::unique_ptr<const TextModel> make_model(const Vocabulary& v, const Metadata& metadata) {
  if (v.kind == VocabKind::spm) return std::make_unique<SpmModel>(v);
  std::vector<std::string> merges;
  if (v.pre->needs_merges || metadata.has("tokenizer.ggml.merges"))
    merges = metadata.need<std::vector<std::string>>("tokenizer.ggml.merges");
  auto bpe = std::make_unique<BpeModel>(v, merges);
  if (v.model == "hybriddna") return std::make_unique<HybridDnaModel>(v, std::move(bpe));
  if (v.model == "whitespace") return std::make_unique<WhitespaceModel>(v, std::move(bpe));
  return bpe;
}

TokenId newline_of(const Vocabulary& v, const TextModel& model) {
  if (v.kind == VocabKind::spm) {
    const TokenId byte = v.find_byte('\n');
    if (byte != kNoToken) return byte;
    const TokenId text = v.find("\n");
    return text != kNoToken ? text : v.special.pad;
  }
  std::vector<TokenId> tokens;
  model.encode("\n", tokens);
  return tokens.empty() ? v.special.pad : tokens.front();
}

std::vector<TokenId> tokens_to_cut_out(const Vocabulary& v) {
  std::vector<TokenId> tokens;
  for (TokenId token = 0; token < v.size(); ++token)
    if (v.has(token, kControl | kUserDefined | kUnknown)) tokens.push_back(token);
  return tokens;
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::load(const Metadata& metadata) {
  auto state = std::make_unique<State>();
  Vocabulary& v = state->vocabulary;
  set_defaults(v, metadata);
  if (v.kind == VocabKind::none) {
    make_dummy_tokens(v, metadata);
  } else {
    read_tokens(v, metadata);
    read_special_ids(v, metadata);
    state->model = make_model(v, metadata);
    v.special.newline = newline_of(v, *state->model);
    find_special_ids(v);
    const std::vector<TokenId> special = tokens_to_cut_out(v);
    state->special = std::make_unique<SpecialMatcher>(v, special);
    adjust_strip_attributes(v, special, metadata);
  }
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(state)));
}

}  // namespace llm
