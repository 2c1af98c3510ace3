#include "grammar/mask/vocabulary.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "grammar/automaton/utf8_state.h"

namespace llm::grammar {
namespace {

std::atomic<std::uint64_t> next_id = 1;

constexpr std::size_t kLongestText = 4096;  // longer tokens are never allowed

}  // namespace

ByteKinds kind_of(std::uint8_t byte) {
  // Marks that languages treat differently, each alone; letters and the rest in groups.
  constexpr std::string_view kMarks = "\n\t \"\\'<>{}[]()/*-:,._`";
  if (const auto at = kMarks.find(static_cast<char>(byte)); at != std::string_view::npos) {
    return 1u << at;
  }
  constexpr unsigned kFirst = kMarks.size();
  if (byte >= 'a' && byte <= 'f') return 1u << kFirst;
  if (byte >= 'g' && byte <= 'z') return 1u << (kFirst + 1);
  if (byte >= 'A' && byte <= 'F') return 1u << (kFirst + 2);
  if (byte >= 'G' && byte <= 'Z') return 1u << (kFirst + 3);
  if (byte >= '0' && byte <= '9') return 1u << (kFirst + 4);
  if (byte < ' ' || byte == 0x7F) return 1u << (kFirst + 5);
  static_assert(kFirst + 6 < 30);
  return 1u << (kFirst + 6);
}

Vocabulary::Vocabulary(std::vector<std::string> texts, std::span<const TokenId> end_of_generation,
                       const Tokenizer* tokenizer)
    : texts_(std::move(texts)), ends_(texts_.size(), false), id_(next_id++), tokenizer_(tokenizer) {
  for (const TokenId token : end_of_generation) {
    if (!has(token) || ends_[token]) continue;
    ends_[token] = true;
    end_tokens_.push_back(token);
  }
  build_trie();
  set_kinds();
  by_length_.resize(ranked_.size());
  std::iota(by_length_.begin(), by_length_.end(), 0u);
  std::stable_sort(by_length_.begin(), by_length_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return texts_[ranked_[a]].size() > texts_[ranked_[b]].size();
  });
}

void Vocabulary::build_trie() {
  for (TokenId token = 0; token < size(); ++token) {
    const std::size_t length = texts_[token].size();
    const bool is_ranked = length > 0 && length <= kLongestText && !ends_[token];
    (is_ranked ? ranked_ : unranked_).push_back(token);
  }
  std::stable_sort(ranked_.begin(), ranked_.end(),
                   [this](TokenId a, TokenId b) { return texts_[a] < texts_[b]; });
  std::vector<std::uint32_t> path = {0};  // the nodes of the text at hand
  nodes_.push_back({.depth = 0, .byte = 0});
  std::string_view previous;
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) {
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
    }
  };
  for (std::uint32_t rank = 0; rank < ranked_.size(); ++rank) {
    const std::string_view text = texts_[ranked_[rank]];
    longest_ = std::max(longest_, static_cast<int>(text.size()));
    const auto differs =
        std::mismatch(text.begin(), text.end(), previous.begin(), previous.end()).first;
    close(static_cast<std::size_t>(differs - text.begin()));
    for (std::size_t depth = path.size(); depth <= text.size(); ++depth) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.first_rank = rank,
                        .depth = static_cast<std::uint16_t>(depth),
                        .byte = static_cast<std::uint8_t>(text[depth - 1])});
    }
    previous = text;
  }
  close(0);
  nodes_[0].end = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.end = nodes_[0].end,
                    .first_rank = static_cast<std::uint32_t>(ranked_.size()),
                    .depth = 0,
                    .byte = 0});
  for (std::uint32_t i = 1; i < node_count(); i = nodes_[i].end) first_nodes_[nodes_[i].byte] = i;
}

/// A node's kinds are those of its children and of their bytes. Bytes beyond ASCII count as whole
/// characters where they are well-formed, up to where a token's text ends.
void Vocabulary::set_kinds() {
  std::vector<std::int8_t> character(node_count(), kCharacterBoundary);  // -1: broken
  std::vector<std::uint32_t> path(static_cast<std::size_t>(longest_) + 1, 0);
  std::vector<std::uint32_t> parents(node_count(), 0);
  for (std::uint32_t i = 1; i < node_count(); ++i) {
    path[nodes_[i].depth] = i;
    parents[i] = path[nodes_[i].depth - 1];
    const int before = character[parents[i]];
    character[i] =
        static_cast<std::int8_t>(before < 0 ? -1 : next_utf8_state(before, nodes_[i].byte));
  }
  for (std::uint32_t i = node_count(); i-- > 1;) {
    Node& parent = nodes_[parents[i]];
    parent.kinds |= nodes_[i].kinds;
    if (character[i] < 0) {
      parent.kinds |= kBrokenCharacters;
    } else {
      parent.kinds |= nodes_[i].byte < 0x80 ? kind_of(nodes_[i].byte) : kOtherCharacters;
    }
  }
  // Where a character is open, only its own continuations may be compared: leave that to walks.
  for (std::uint32_t i = 0; i < node_count(); ++i) {
    if (character[i] != kCharacterBoundary) nodes_[i].kinds = ~ByteKinds{0};
  }
}

std::vector<TokenId> Vocabulary::encode(std::string_view text) const {
  if (tokenizer_ == nullptr) return {};
  std::vector<TokenId> tokens = tokenizer_->encode(text, {.add_special = false});
  std::string_view rest = text;
  for (const TokenId token : tokens) {
    if (!has(token) || !rest.starts_with(texts_[token])) return {};
    rest.remove_prefix(texts_[token].size());
  }
  if (!rest.empty()) return {};
  return tokens;
}

std::shared_ptr<const Vocabulary> make_vocabulary(const Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(tokenizer.size()));
  for (TokenId token = 0; token < tokenizer.size(); ++token) {
    texts.push_back(tokenizer.piece(token, /*show_special=*/true));
  }
  return std::make_shared<const Vocabulary>(std::move(texts), tokenizer.end_of_generation_tokens(),
                                            &tokenizer);
}

std::shared_ptr<const Vocabulary> make_vocabulary(std::span<const std::string> pieces,
                                                  std::span<const TokenId> end_of_generation) {
  return std::make_shared<const Vocabulary>(std::vector<std::string>(pieces.begin(), pieces.end()),
                                            end_of_generation);
}

}  // namespace llm::grammar
