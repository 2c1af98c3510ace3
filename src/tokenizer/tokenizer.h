// Text to tokens and back, for every vocabulary kind a GGUF file names in tokenizer.ggml.model.
// The room knows no models: it reads metadata and nothing else. Start at Tokenizer::load.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/token.h"
#include "gguf/metadata.h"

namespace llm {

/// Number as /v1/models reports it (meta.vocab_type).
enum class VocabKind { none = 0, spm = 1, bpe = 2, wpm = 3, ugm = 4, rwkv = 5, plamo2 = 6 };

/// Values of tokenizer.ggml.token_type.
enum class TokenKind : std::uint8_t {
  undefined = 0,
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct SpecialTokens {
  TokenId bos = kNoToken, eos = kNoToken, eot = kNoToken, eom = kNoToken, unk = kNoToken;
  TokenId sep = kNoToken, pad = kNoToken, mask = kNoToken, newline = kNoToken;
  TokenId fim_pre = kNoToken, fim_suf = kNoToken, fim_mid = kNoToken;
  TokenId fim_pad = kNoToken, fim_rep = kNoToken, fim_sep = kNoToken;
  bool add_bos = false, add_eos = false, add_sep = false;
};

struct EncodeOptions {
  bool add_special = false;    // BOS / EOS / SEP as the vocabulary says
  bool parse_special = false;  // text such as "<s>" becomes the control token
};

struct DecodeOptions {
  bool remove_special = false;  // drop the BOS / EOS that encoding added
  bool unparse_special = true;  // show control tokens as their text
};

/// Immutable after loading: every function may be called from every thread.
class Tokenizer {
 public:
  /// Throws Error naming the key when the vocabulary is missing, inconsistent or of an unknown
  /// kind.
  static std::unique_ptr<Tokenizer> load(const gguf::Metadata& metadata);
  ~Tokenizer();

  VocabKind kind() const;
  int size() const;
  const SpecialTokens& special() const;

  /// Any bytes are text. Throws Error when the vocabulary lacks a token that the text or the
  /// options need, or when it has no text at all (VocabKind::none).
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const;
  /// Bytes, perhaps not valid UTF-8 when tokens cut a character. Invalid ids give nothing.
  std::string decode(std::span<const TokenId> tokens, const DecodeOptions& options = {}) const;

  /// The bytes that a token contributes inside a text. Control and unknown tokens give "" unless
  /// shown.
  std::string piece(TokenId token, bool show_special) const;

  /// The vocabulary's own spelling, e.g. "\u2581the". REQUIRES is_valid(token), as token_kind.
  const std::string& text(TokenId token) const;
  TokenKind token_kind(TokenId token) const;
  /// The reference's bit set (vocabulary.h), which may hold more than one kind.
  int attributes(TokenId token) const;
  bool is_valid(TokenId token) const { return token >= 0 && token < size(); }
  /// Ends a generation (EOS, EOT, EOM and their relatives by name).
  bool is_end_of_generation(TokenId token) const;
  std::span<const TokenId> end_of_generation_tokens() const;  // ascending
  /// kNoToken when no token has exactly this text.
  TokenId find(std::string_view text) const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

/// Turns a stream of tokens into text that never ends in half a character. One per stream.
class DetokenizerStream {
 public:
  DetokenizerStream(const Tokenizer& tokenizer, bool show_special)
      : tokenizer_(&tokenizer), show_special_(show_special) {}
  /// The characters that are complete now.
  std::string push(TokenId token) { return push(token, show_special_); }
  /// The same, for a token that is shown (or not) whatever the stream does with the others.
  std::string push(TokenId token, bool show_special);
  /// What is left at the end, invalid bytes as U+FFFD.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool show_special_;
  std::string pending_;
};

}  // namespace llm
