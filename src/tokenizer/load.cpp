// From the metadata of a file to a tokenizer.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "tokenizer/kinds.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/state.h"

namespace llm {
namespace {

using gguf::Metadata;

// Ids are positive 32-bit numbers; a vocabulary near that is a broken file.
constexpr std::int64_t kMaxTokens = 1 << 26;

/// The kind and its defaults.
const VocabularyKind& begin_kind(Vocabulary& v, const Metadata& metadata) {
  v.model = metadata.need<std::string>("tokenizer.ggml.model");
  const VocabularyKind* kind = find_kind(v.model);
  if (!kind) fail("unknown tokenizer: '{}' in tokenizer.ggml.model", v.model);
  v.kind = kind->kind;
  kind->set_defaults(v, metadata);
  return *kind;
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

void read_flag(const Metadata& metadata, const char* name, bool& flag) {
  flag = metadata.get_or<bool>(fmt::format("tokenizer.ggml.{}", name), flag);
}

void read_space_flags(Vocabulary& v, const Metadata& metadata) {
  read_flag(metadata, "add_space_prefix", v.add_space_prefix);
  read_flag(metadata, "remove_extra_whitespaces", v.remove_extra_whitespaces);
}

/// Defaults may lie outside of a small vocabulary.
void drop_absent_defaults(Vocabulary& v) {
  SpecialTokens& s = v.special;
  for (TokenId* id : {&s.bos, &s.eos, &s.unk, &s.sep, &s.pad, &s.mask})
    if (!v.is_valid(*id)) *id = kNoToken;
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
    const std::string key = fmt::format("tokenizer.ggml.{}_token_id", row.key);
    const auto value = metadata.get<std::int64_t>(key);
    if (!value) continue;
    if (*value >= 0 && *value < v.size())
      id = static_cast<TokenId>(*value);
    else
      log::warn("{} is {}, but there are {} tokens: ignored", key, *value, v.size());
  }
  read_flag(metadata, "add_bos_token", v.special.add_bos);
  read_flag(metadata, "add_eos_token", v.special.add_eos);
  read_flag(metadata, "add_sep_token", v.special.add_sep);
  if (v.pre && v.pre->force_bos) v.special.add_bos = true;
}

/// To be asked before the file's keys replace the default ids, as the reference does it.
TokenId newline_of(const Vocabulary& v, const TextModel& model) {
  if (v.kind == VocabKind::wpm) return v.special.pad;
  if (v.kind == VocabKind::spm) {
    const TokenId byte = v.find_byte('\n');
    if (byte != kNoToken) return byte;
    const TokenId text = v.find("\n");
    return text != kNoToken ? text : v.special.pad;
  }
  std::vector<TokenId> tokens;
  try {
    model.encode("\n", tokens);
  } catch (const Error&) {  // e.g. the unknown token is not known yet
    tokens.clear();
  }
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
  const VocabularyKind& kind = begin_kind(v, metadata);
  if (v.kind == VocabKind::none) {
    make_dummy_tokens(v, metadata);
  } else {
    read_tokens(v, metadata);
    read_space_flags(v, metadata);
    drop_absent_defaults(v);
    state->model = kind.make(v, metadata);
    v.special.newline = newline_of(v, *state->model);
    read_special_ids(v, metadata);
    find_special_ids(v);
    const std::vector<TokenId> special = tokens_to_cut_out(v);
    state->special = std::make_unique<SpecialMatcher>(v, special);
    adjust_strip_attributes(v, special, metadata);
  }
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(state)));
}

}  // namespace llm
