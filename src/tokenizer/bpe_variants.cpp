#include "tokenizer/bpe_variants.h"

#include "base/utf8.h"

namespace llm {
namespace {

constexpr std::string_view kDna = "<dna>", kDnaEnd = "</dna>";
constexpr std::size_t kLetters = 6;

}  // namespace

HybridDnaModel::HybridDnaModel(const Vocabulary& vocabulary, std::unique_ptr<BpeModel> bpe)
    : vocabulary_(vocabulary),
      bpe_(std::move(bpe)),
      begin_(vocabulary.find(kDna)),
      end_(vocabulary.find(kDnaEnd)),
      out_of_vocabulary_(vocabulary.find("<oov>")) {}

void HybridDnaModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  if (begin_ == kNoToken || end_ == kNoToken || out_of_vocabulary_ == kNoToken)
    return bpe_->encode(text, out);
  while (!text.empty()) {
    const std::size_t dna = std::min(text.find(kDna), text.size());
    if (dna > 0) bpe_->encode(text.substr(0, dna), out);
    if (dna == text.size()) return;
    out.push_back(begin_);
    text.remove_prefix(dna + kDna.size());
    const std::size_t end = text.find(kDnaEnd);
    encode_dna(text.substr(0, end), out);
    if (end == std::string_view::npos) return;
    out.push_back(end_);
    text.remove_prefix(end + kDnaEnd.size());
  }
}

void HybridDnaModel::encode_dna(std::string_view letters, std::vector<TokenId>& out) const {
  for (std::size_t at = 0; at < letters.size(); at += kLetters) {
    std::string word(letters.substr(at, kLetters));
    for (char& c : word)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    word.resize(kLetters, 'A');
    word += kSuffix;
    const TokenId token = vocabulary_.find(word);
    out.push_back(token == kNoToken ? out_of_vocabulary_ : token);
  }
}

void WhitespaceModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) bpe_->encode(word, out);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded d = unicode::decode(text, at);
    at += d.length;
    if (unicode::is_white_space(d.code_point))
      flush();
    else
      utf8::append(word, vocabulary_.lowercase ? unicode::to_lower(d.code_point) : d.code_point);
  }
  flush();
}

}  // namespace llm
