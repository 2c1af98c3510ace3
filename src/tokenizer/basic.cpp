// SPM and byte-level BPE vocabularies.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace llm {
namespace {

struct Symbol {
  int previous, next;
  std::size_t begin, length;
};

struct Merge {
  double score;
  int left, right;
  std::size_t length;
  bool operator<(const Merge& other) const {
    return score != other.score ? score < other.score : left > other.left;
  }
};

std::string escape_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) c == ' ' ? out += "\u2581" : out += c;
  return out;
}

std::string unescape_spaces(std::string text) {
  for (std::size_t at; (at = text.find("\u2581")) != std::string::npos;) text.replace(at, 3, " ");
  return text;
}

/// GPT-2's printable stand-ins for bytes.
std::vector<std::string> byte_names() {
  std::vector<std::string> names(256);
  char32_t next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    utf8::append(names[b], printable ? static_cast<char32_t>(b) : next++);
  }
  return names;
}

class BasicTokenizer final : public Tokenizer {
 public:
  explicit BasicTokenizer(const gguf::Metadata& m) {
    const auto model = m.need<std::string>("tokenizer.ggml.model");
    if (model != "llama" && model != "gpt2") {
      fail("tokenizer.ggml.model: vocabularies of the kind '{}' are not supported yet", model);
    }
    kind_ = model == "llama" ? VocabKind::spm : VocabKind::bpe;
    texts_ = m.need<std::vector<std::string>>("tokenizer.ggml.tokens");
    const auto kinds = m.get_or<std::vector<std::int32_t>>("tokenizer.ggml.token_type", {});
    scores_ = m.get_or<std::vector<float>>("tokenizer.ggml.scores", {});
    kinds_.resize(texts_.size(), TokenKind::normal);
    scores_.resize(texts_.size(), 0.0f);
    for (std::size_t i = 0; i < std::min(kinds.size(), kinds_.size()); ++i) {
      kinds_[i] = static_cast<TokenKind>(kinds[i]);
    }
    for (int i = 0; i < size(); ++i) ids_.emplace(texts_[i], i);
    int rank = 0;
    for (const auto& merge : m.get_or<std::vector<std::string>>("tokenizer.ggml.merges", {})) {
      const auto space = merge.find(' ', 1);
      ranks_.emplace(merge.substr(0, space) + '\n' + merge.substr(space + 1), rank++);
    }
    const auto id = [&](const char* key, TokenId otherwise) {
      const auto found = m.get<std::uint32_t>(fmt::format("tokenizer.ggml.{}_token_id", key));
      return found && *found < texts_.size() ? static_cast<TokenId>(*found) : otherwise;
    };
    const bool spm = kind_ == VocabKind::spm;
    special_.bos = id("bos", spm ? 1 : kNoToken);
    special_.eos = id("eos", spm ? 2 : kNoToken);
    special_.unk = id("unknown", spm ? 0 : kNoToken);
    special_.eot = id("eot", find("<|im_end|>"));
    special_.fim_pre = id("fim_pre", find("<|fim_prefix|>"));
    special_.fim_suf = id("fim_suf", find("<|fim_suffix|>"));
    special_.fim_mid = id("fim_mid", find("<|fim_middle|>"));
    special_.add_bos = m.get_or<bool>("tokenizer.ggml.add_bos_token", spm);
    special_.add_eos = m.get_or<bool>("tokenizer.ggml.add_eos_token", false);
    for (const TokenId token : {special_.eos, special_.eot, find("<|endoftext|>")}) {
      if (token != kNoToken && !is_end_of_generation(token)) eog_.push_back(token);
    }
    const auto names = byte_names();
    for (int b = 0; b < 256; ++b) bytes_of_.emplace(names[b], static_cast<char>(b));
    int error;
    PCRE2_SIZE offset;
    const char* pattern =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
        "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  }
  ~BasicTokenizer() override { pcre2_code_free(code_); }

  VocabKind kind() const override { return kind_; }
  TokenId find(std::string_view text) const override {
    const auto found = ids_.find(std::string(text));
    return found == ids_.end() ? kNoToken : found->second;
  }
  std::string bytes_of(const std::string& text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const auto d = utf8::decode(text, at);
      const auto found = bytes_of_.find(text.substr(at, d.length));
      out += found == bytes_of_.end() ? text.substr(at, d.length) : std::string(1, found->second);
      at += d.length;
    }
    return out;
  }

 private:
  void encode_fragment(std::string_view text, bool at_start,
                       std::vector<TokenId>& out) const override {
    if (text.empty()) return;
    if (kind_ == VocabKind::spm)
      return merge(escape_spaces(at_start ? " " + std::string(text) : std::string(text)), out);
    const std::string clean = utf8::sanitized(text);
    static const auto names = byte_names();
    pcre2_match_data* match = pcre2_match_data_create_from_pattern(code_, nullptr);
    for (std::size_t at = 0; at < clean.size();) {
      if (pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(clean.data()), clean.size(), at, 0, match,
                      nullptr) < 0)
        break;
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
      std::string word;
      for (std::size_t i = at; i < range[1]; ++i)
        word += names[static_cast<unsigned char>(clean[i])];
      merge(word, out);
      at = range[1];
    }
    pcre2_match_data_free(match);
  }

  bool can_merge(const std::string& left, const std::string& right, double& score) const {
    if (kind_ == VocabKind::spm) {
      const auto found = ids_.find(left + right);
      if (found == ids_.end()) return false;
      score = scores_[found->second];
      return true;
    }
    const auto found = ranks_.find(left + '\n' + right);
    if (found == ranks_.end()) return false;
    score = -found->second;
    return true;
  }

  void merge(const std::string& text, std::vector<TokenId>& out) const {
    std::vector<Symbol> symbols;
    for (std::size_t at = 0; at < text.size();) {
      const auto length = static_cast<std::size_t>(utf8::decode(text, at).length);
      const int i = static_cast<int>(symbols.size());
      symbols.push_back({i - 1, i + 1, at, length});
      at += length;
    }
    if (symbols.empty()) return;
    symbols.back().next = -1;
    std::priority_queue<Merge> queue;
    const auto piece = [&](int i) { return text.substr(symbols[i].begin, symbols[i].length); };
    const auto consider = [&](int left, int right) {
      double score;
      if (left < 0 || right < 0 || !can_merge(piece(left), piece(right), score)) return;
      queue.push({score, left, right, symbols[left].length + symbols[right].length});
    };
    for (std::size_t i = 1; i < symbols.size(); ++i)
      consider(static_cast<int>(i) - 1, static_cast<int>(i));
    while (!queue.empty()) {
      const Merge best = queue.top();
      queue.pop();
      Symbol &left = symbols[best.left], &right = symbols[best.right];
      if (left.length == 0 || right.length == 0 || left.length + right.length != best.length)
        continue;
      left.length += right.length;
      right.length = 0;
      left.next = right.next;
      if (left.next >= 0) symbols[left.next].previous = best.left;
      consider(left.previous, best.left);
      consider(best.left, left.next);
    }
    for (int i = 0; i >= 0; i = symbols[i].next) {
      const TokenId token = find(piece(i));
      if (token != kNoToken) {
        out.push_back(token);
        continue;
      }
      for (const char c : piece(i)) {
        const TokenId byte = find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(c)));
        if (byte != kNoToken || special_.unk != kNoToken)
          out.push_back(byte != kNoToken ? byte : special_.unk);
      }
    }
  }

  VocabKind kind_;
  std::vector<float> scores_;
  std::unordered_map<std::string, TokenId> ids_;
  std::unordered_map<std::string, int> ranks_;
  std::unordered_map<std::string, char> bytes_of_;
  pcre2_code* code_ = nullptr;
};

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::load(const gguf::Metadata& metadata) {
  return std::make_unique<BasicTokenizer>(metadata);
}

bool Tokenizer::is_end_of_generation(TokenId token) const {
  return std::find(eog_.begin(), eog_.end(), token) != eog_.end();
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> out;
  if (options.add_special && special_.add_bos) out.push_back(special_.bos);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    TokenId best = kNoToken;
    for (TokenId token = 0; token < size(); ++token) {
      const bool special = kinds_[token] == TokenKind::user_defined ||
                           (options.parse_special && kinds_[token] == TokenKind::control);
      if (special && !texts_[token].empty() && text.substr(at).starts_with(texts_[token]) &&
          (best == kNoToken || texts_[token].size() > texts_[best].size())) {
        best = token;
      }
    }
    if (best == kNoToken) continue;
    encode_fragment(text.substr(begin, at - begin), begin == 0, out);
    out.push_back(best);
    begin = at + texts_[best].size();
    at = begin - 1;
  }
  encode_fragment(text.substr(begin), begin == 0, out);
  if (options.add_special && special_.add_eos) out.push_back(special_.eos);
  return out;
}

std::string Tokenizer::piece(TokenId token, bool show_special) const {
  const std::string& text = texts_[token];
  switch (kinds_[token]) {
    case TokenKind::control:
    case TokenKind::unknown:
      return show_special ? text : "";
    case TokenKind::byte:
      return std::string(1, static_cast<char>(std::stoi(text.substr(3, 2), nullptr, 16)));
    case TokenKind::user_defined:
      return text;
    default:
      break;
  }
  if (kind() == VocabKind::spm) return unescape_spaces(text);
  return static_cast<const BasicTokenizer*>(this)->bytes_of(text);
}

std::string Tokenizer::decode(std::span<const TokenId> tokens, const DecodeOptions& options) const {
  std::string out;
  for (const TokenId token : tokens) out += piece(token, options.unparse_special);
  return out;
}

std::string DetokenizerStream::push(TokenId token) {
  pending_ += tokenizer_->piece(token, show_special_);
  const std::size_t keep = utf8::incomplete_tail(pending_);
  std::string ready = utf8::sanitized(std::string_view(pending_).substr(0, pending_.size() - keep));
  pending_.erase(0, pending_.size() - keep);
  return ready;
}

std::string DetokenizerStream::finish() {
  return utf8::sanitized(std::exchange(pending_, {}));
}

}  // namespace llm
