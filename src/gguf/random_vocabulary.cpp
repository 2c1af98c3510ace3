#include "gguf/random_vocabulary.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"
#include "quant/random_blocks.h"

namespace llm::gguf {
namespace {

constexpr std::size_t kLongestWord = 12;   // bytes of a made-up token
constexpr std::size_t kShortWords = 4000;  // most merges extend one of the first words

constexpr std::string_view kChatTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Byte-level BPE writes each byte as a visible character: printable ones as themselves, the
/// others, in ascending order, from U+0100 on.
std::vector<std::string> byte_tokens() {
  std::vector<std::string> out;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    out.emplace_back();
    utf8::append(out.back(), visible ? static_cast<char32_t>(byte) : next++);
  }
  return out;
}

/// The letters of English text, as often as they occur in it, roughly.
constexpr std::string_view kLetters =
    "eeeeeeeeeeeetttttttttaaaaaaaaoooooooiiiiiiinnnnnnnssssssrrrrrrhhhhhhllllddddccccuuummmffppgg"
    "wwyybbvkxjqz";

}  // namespace

RandomVocabulary::RandomVocabulary(int size, std::uint64_t seed) {
  if (size < kSmallest)
    fail("a vocabulary of {} tokens is too small, {} is the least", size, kSmallest);
  tokens = byte_tokens();
  const auto count = static_cast<std::size_t>(size - kSpecialTokens);
  tokens.reserve(static_cast<std::size_t>(size));
  std::unordered_set<std::string> known(tokens.begin(), tokens.end());
  quant::Random random(seed);
  const auto letter = [&] {
    return std::string(1, kLetters[random.below(static_cast<std::uint32_t>(kLetters.size()))]);
  };
  const std::string space = tokens[' '];  // words begin with it
  std::vector<std::string> words;         // that may be extended
  while (tokens.size() < count) {
    // A new letter pair, a letter after a space, or a known word and something short after it.
    const std::uint32_t kind = random.below(16);
    std::string left = letter();
    if (kind == 0 || words.empty()) {
      left = space;
    } else if (kind > 2) {
      const std::size_t first = std::min(words.size(), kShortWords);
      const std::size_t among = kind < 12 ? first : words.size();
      left = words[random.below(static_cast<std::uint32_t>(among))];
    }
    std::string right = letter();
    if (kind % 2 == 1 && !words.empty()) {
      const std::string& word =
          words[random.below(static_cast<std::uint32_t>(std::min(words.size(), kShortWords)))];
      if (!word.starts_with(space)) right = word;
    }
    std::string joined = left + right;
    if (joined.size() > kLongestWord || !known.insert(joined).second) continue;
    merges.push_back(left + ' ' + right);
    words.push_back(joined);
    tokens.push_back(std::move(joined));
  }
  types.assign(tokens.size(), 1);
  for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    tokens.emplace_back(special);
    types.push_back(3);
  }
}

void RandomVocabulary::describe(Metadata& metadata) const {
  const auto id = [&](int from_end) {
    return Value{static_cast<std::uint32_t>(tokens.size()) - static_cast<std::uint32_t>(from_end)};
  };
  metadata.set("tokenizer.ggml.model", {std::string("gpt2")});
  metadata.set("tokenizer.ggml.pre", {std::string("qwen2")});
  metadata.set("tokenizer.ggml.tokens", array_value(tokens));
  metadata.set("tokenizer.ggml.token_type", array_value(types));
  metadata.set("tokenizer.ggml.merges", array_value(merges));
  metadata.set("tokenizer.ggml.bos_token_id", id(3));
  metadata.set("tokenizer.ggml.padding_token_id", id(3));
  metadata.set("tokenizer.ggml.eos_token_id", id(1));
  metadata.set("tokenizer.ggml.add_bos_token", {false});
  metadata.set("tokenizer.chat_template", {std::string(kChatTemplate)});
}

}  // namespace llm::gguf
