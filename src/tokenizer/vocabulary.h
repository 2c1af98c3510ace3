// What a file says about its tokens, after all adjustments. Shared by the models of the room.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/token.h"
#include "tokenizer/text_index.h"
#include "tokenizer/tokenizer.h"

namespace llm {

class PreTokenizer;

/// Bit set; the numbers are the reference's.
enum Attribute : std::uint16_t {
  kUnknown = 1,
  kUnused = 2,
  kNormal = 4,
  kControl = 8,
  kUserDefined = 16,
  kByte = 32,
  kLeftStrip = 128,
  kRightStrip = 256
};

/// Which tokens a kind puts around a text that asks for them.
enum class Frame { by_flags, always, never };  // always: BOS before and SEP behind

/// Not movable: the index points into it.
struct Vocabulary {
  Vocabulary() = default;
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  VocabKind kind = VocabKind::none;
  std::string model;  // tokenizer.ggml.model
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<std::uint16_t> attributes;
  TextIndex index;
  SpecialTokens special;
  std::vector<TokenId> end_of_generation;  // ascending

  const PreTokenizer* pre = nullptr;  // BPE only
  bool add_space_prefix = false, clean_spaces = false, escape_spaces = false;
  bool remove_extra_whitespaces = false;          // UGM
  bool lowercase = false, strip_accents = false;  // WPM; the first also of "whitespace"
  Frame frame = Frame::by_flags;

  int size() const { return static_cast<int>(texts.size()); }
  bool is_valid(TokenId token) const { return token >= 0 && token < size(); }
  bool has(TokenId token, int mask) const { return (attributes[token] & mask) != 0; }
  TokenId find(std::string_view text) const { return index.find(text); }
  /// "<0xXX>".
  TokenId find_byte(unsigned char byte) const;
  /// The unknown token. Throws Error when there is none.
  TokenId need_unknown() const;
};

/// Turns text without special tokens into ids. Immutable.
class TextModel {
 public:
  virtual ~TextModel() = default;
  /// Appends the ids of `text`, which is not empty.
  virtual void encode(std::string_view text, std::vector<TokenId>& out) const = 0;
};

/// special_ids.cpp: ids found by name, end-of-generation set, attributes that follow from names.
void find_special_ids(Vocabulary& vocabulary);
/// Attributes that follow from the model's name; `special` are the tokens that are cut out of
/// texts.
void adjust_strip_attributes(Vocabulary& vocabulary, const std::vector<TokenId>& special,
                             const gguf::Metadata& metadata);

/// U+2581, which stands for a space.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";
std::string escape_spaces(std::string_view text);
std::string unescape_spaces(std::string_view text);

}  // namespace llm
