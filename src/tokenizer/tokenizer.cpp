#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/pieces.h"
#include "tokenizer/state.h"

namespace llm {
namespace {

/// A token that the vocabulary wants around texts.
void add_needed(TokenId token, const char* name, std::vector<TokenId>& out) {
  if (token == kNoToken)
    fail("the vocabulary adds {} to texts but does not say which token that is", name);
  out.push_back(token);
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;

VocabKind Tokenizer::kind() const {
  return state_->vocabulary.kind;
}
int Tokenizer::size() const {
  return state_->vocabulary.size();
}
const SpecialTokens& Tokenizer::special() const {
  return state_->vocabulary.special;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (!state_->model) fail("this model has no vocabulary: text cannot be turned into tokens");
  // Positions have 32 bits, and escaping a space makes three bytes of one.
  constexpr std::size_t kMaxBytes = std::numeric_limits<std::int32_t>::max() / 3;
  if (text.size() > kMaxBytes)
    fail("a text of {} bytes is too long, at most {} can be tokenized", text.size(), kMaxBytes);

  const SpecialTokens& s = special();
  const Frame frame = state_->vocabulary.frame;
  const bool always = options.add_special && frame == Frame::always;
  const bool by_flags = options.add_special && frame == Frame::by_flags;
  std::vector<TokenId> out;
  out.reserve(text.size() / 4 + 2);
  if (always || (by_flags && s.add_bos)) add_needed(s.bos, "BOS", out);
  for (const Fragment& fragment : state_->special->cut(text, options.parse_special)) {
    if (fragment.token != kNoToken)
      out.push_back(fragment.token);
    else
      state_->model->encode(fragment.text, out);
  }
  if (by_flags && s.add_eos) add_needed(s.eos, "EOS", out);
  if (always) add_needed(s.sep, "SEP", out);
  return out;
}

std::string Tokenizer::decode(std::span<const TokenId> tokens, const DecodeOptions& options) const {
  const SpecialTokens& s = special();
  bool strips = state_->vocabulary.add_space_prefix;
  if (options.remove_special && s.add_bos && !tokens.empty() && tokens.front() == s.bos) {
    tokens = tokens.subspan(1);
    strips = false;
  }
  if (options.remove_special && s.add_eos && !tokens.empty() && tokens.back() == s.eos)
    tokens = tokens.first(tokens.size() - 1);

  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string bytes = piece(tokens[i], options.unparse_special);
    if (i == 0 && strips && bytes.starts_with(' ')) bytes.erase(0, 1);
    text += bytes;
  }
  if (state_->vocabulary.clean_spaces) clean_spaces(text);
  return text;
}

std::string Tokenizer::piece(TokenId token, bool show_special) const {
  return is_valid(token) ? piece_of(state_->vocabulary, token, show_special) : std::string();
}

const std::string& Tokenizer::text(TokenId token) const {
  return state_->vocabulary.texts[token];
}

int Tokenizer::attributes(TokenId token) const {
  return state_->vocabulary.attributes[token];
}

TokenKind Tokenizer::token_kind(TokenId token) const {
  struct Row {
    Attribute attribute;
    TokenKind kind;
  };
  constexpr Row kRows[] = {{kUnknown, TokenKind::unknown},
                           {kControl, TokenKind::control},
                           {kUserDefined, TokenKind::user_defined},
                           {kByte, TokenKind::byte},
                           {kNormal, TokenKind::normal},
                           {kUnused, TokenKind::unused}};
  for (const Row& row : kRows)
    if (state_->vocabulary.has(token, row.attribute)) return row.kind;
  return TokenKind::undefined;
}

bool Tokenizer::is_end_of_generation(TokenId token) const {
  const auto& ends = state_->vocabulary.end_of_generation;
  return std::binary_search(ends.begin(), ends.end(), token);
}

std::span<const TokenId> Tokenizer::end_of_generation_tokens() const {
  return state_->vocabulary.end_of_generation;
}

TokenId Tokenizer::find(std::string_view text) const {
  return state_->vocabulary.find(text);
}

std::string DetokenizerStream::push(TokenId token, bool show_special) {
  pending_ += tokenizer_->piece(token, show_special);
  const std::size_t complete = pending_.size() - utf8::incomplete_tail(pending_);
  std::string text = utf8::sanitized(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string DetokenizerStream::finish() {
  return utf8::sanitized(std::exchange(pending_, std::string()));
}

}  // namespace llm
