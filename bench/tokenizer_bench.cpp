// Speed of tokenising and detokenising in MB/s of text, one thread.
//
// usage: tokenizer_bench [VOCABULARY.gguf...] [--text=FILE]
// Without a text, English-like prose is made from common words; without a vocabulary, a WordPiece,
// a unigram, an RWKV and a PLaMo-2 one of 32000 tokens are made from that prose.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gguf/reader.h"
#include "tokenizer/tokenizer.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBytes = 4'000'000, kOddBytes = 400'000;

std::uint32_t next_random(std::uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

/// Words of two to four syllables behind common ones: far more distinct words than a cache holds.
std::string prose() {
  constexpr std::string_view kCommon[] = {"the", "of",   "and",  "to",    "in",    "that", "is",
                                          "was", "with", "from", "which", "their", "would"};
  constexpr std::string_view kSyllables[] = {
      "con",   "ver", "sa", "tion", "al", "re",  "pre",  "sent", "ing", "er",  "un", "der",
      "stand", "com", "mu", "ni",   "ty", "pro", "gram", "ment", "ex",  "per", "i",  "ence"};
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < kBytes) {
    if (next_random(state) % 2) {
      text += kCommon[next_random(state) % std::size(kCommon)];
    } else {
      for (auto n = 2 + next_random(state) % 3; n > 0; --n)
        text += kSyllables[next_random(state) % std::size(kSyllables)];
    }
    const auto r = next_random(state) % 100;
    text += r < 6 ? ". " : r < 12 ? ", " : r < 13 ? "\n\n" : r < 14 ? " 1984 " : " ";
  }
  return text;
}

std::string digits() {
  std::string text;
  std::uint32_t state = 2;
  while (text.size() < kOddBytes) text += static_cast<char>('0' + next_random(state) % 10);
  return text;
}

std::string chinese() {
  std::string text;
  std::uint32_t state = 3;
  while (text.size() < kBytes) {
    const char32_t c = 0x4E00 + next_random(state) % 3000;
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
  return text;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void measure(const llm::Tokenizer& tokenizer, const char* name, const std::string& text) {
  double best = 1e9, best_decode = 1e9;
  std::size_t tokens = 0;
  for (int round = 0; round < 3; ++round) {
    auto start = Clock::now();
    const auto ids = tokenizer.encode(text, {.add_special = true, .parse_special = true});
    best = std::min(best, seconds_since(start));
    tokens = ids.size();
    start = Clock::now();
    const std::string back = tokenizer.decode(ids);
    best_decode = std::min(best_decode, seconds_since(start));
    if (back.empty()) std::printf("nothing came back\n");
  }
  std::printf("  %-14s %8.1f MB/s encode, %8.1f MB/s decode, %.2f bytes per token\n", name,
              text.size() / best / 1e6, text.size() / best_decode / 1e6,
              static_cast<double>(text.size()) / tokens);
}

void measure_all(const llm::Tokenizer& tokenizer, const std::string& own_text) {
  if (!own_text.empty()) return measure(tokenizer, "text", own_text);
  measure(tokenizer, "prose", prose());
  measure(tokenizer, "chinese", chinese());
  measure(tokenizer, "one letter", std::string(kOddBytes, 'a'));
  measure(tokenizer, "spaces", std::string(kOddBytes, ' '));
  measure(tokenizer, "digits", digits());
  measure(tokenizer, "<", std::string(kOddBytes, '<'));
}

/// The most frequent parts of the prose's words, marked at word starts, with their frequencies.
std::vector<std::pair<std::string, double>> frequent_pieces(std::size_t count) {
  std::unordered_map<std::string, double> counts;
  const std::string text = prose();
  for (std::size_t at = 0; at < text.size() / 4;) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    for (std::size_t from = 0; from < word.size(); ++from)
      for (std::size_t n = 1; n <= std::min<std::size_t>(12, word.size() - from); ++n)
        counts[(from == 0 ? "\u2581" : "") + word.substr(from, n)] += 1;
    at = end + 1;
  }
  std::vector<std::pair<std::string, double>> pieces(counts.begin(), counts.end());
  std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  pieces.resize(std::min(pieces.size(), count));
  return pieces;
}

/// A vocabulary of a kind that has no public file at hand.
std::unique_ptr<llm::Tokenizer> made_vocabulary(const std::string& model) {
  const auto pieces = frequent_pieces(32000 - 260);
  std::vector<std::string> texts = {"<pad>", "</s>", "<unk>", "<s>"};
  std::vector<std::int32_t> kinds = {3, 3, 2, 3};
  std::vector<float> scores(4);
  const auto add = [&](std::string text, std::int32_t kind, double score) {
    texts.push_back(std::move(text));
    kinds.push_back(kind);
    scores.push_back(static_cast<float>(score));
  };
  const bool rwkv = model == "rwkv";
  for (int byte = 0; byte < 256; ++byte)
    add(rwkv ? fmt::format("\\x{:02x}", byte) : fmt::format("<0x{:02X}>", byte), rwkv ? 1 : 6, 0);
  for (const auto& [text, count] : pieces) {
    // Kinds without the mark have a space in its place.
    const bool is_marked = text.starts_with("\u2581") && (rwkv || model == "plamo2");
    add(is_marked ? " " + text.substr(3) : text, 1, std::log(count / 1e6));
  }
  llm::gguf::Metadata metadata;
  metadata.set("tokenizer.ggml.model", {model});
  metadata.set("tokenizer.ggml.tokens", llm::gguf::array_value(texts));
  metadata.set("tokenizer.ggml.token_type", llm::gguf::array_value(kinds));
  metadata.set("tokenizer.ggml.scores", llm::gguf::array_value(scores));
  metadata.set("tokenizer.ggml.unknown_token_id", {std::uint32_t{2}});
  metadata.set("tokenizer.ggml.bos_token_id", {std::uint32_t{3}});
  metadata.set("tokenizer.ggml.seperator_token_id", {std::uint32_t{1}});
  metadata.set("tokenizer.ggml.add_space_prefix", {model == "t5"});
  return llm::Tokenizer::load(metadata);
}

void run(const std::vector<std::string>& models, const std::string& own_text) {
  for (const std::string& model : models) {
    const auto file = llm::gguf::File::open(model, {.with_data = false});
    const auto start = Clock::now();
    const auto tokenizer = llm::Tokenizer::load(file.metadata());
    std::printf("%s: %d tokens, loaded in %.0f ms\n", model.c_str(), tokenizer->size(),
                1e3 * seconds_since(start));
    measure_all(*tokenizer, own_text);
  }
  if (!models.empty()) return;
  for (const char* kind : {"bert", "t5", "rwkv", "plamo2"}) {
    const auto tokenizer = made_vocabulary(kind);
    std::printf("%s, made: %d tokens\n", kind, tokenizer->size());
    measure_all(*tokenizer, own_text);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> models;
  std::string text;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--text=")) {
      std::ifstream file(argument.substr(7), std::ios::binary);
      text.assign(std::istreambuf_iterator<char>(file), {});
    } else {
      models.push_back(argument);
    }
  }
  try {
    run(models, text);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
