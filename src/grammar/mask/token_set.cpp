#include "grammar/mask/token_set.h"

#include <algorithm>
#include <cstring>
#include <limits>

// Wider vectors where the machine has them. Thread sanitizer cannot run the resolvers behind such
// functions.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define LLM_VECTOR_VERSIONS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LLM_VECTOR_VERSIONS
#endif

namespace llm::grammar {
namespace {

constexpr std::uint32_t kBitsPerEntry = 32;  // of a list: longer ones are larger than all bits
constexpr float kForbidden = -std::numeric_limits<float>::infinity();

/// Numbers below `size` whose bits are not set.
template <class Visit>
void for_missing(std::span<const std::uint64_t> bits, std::uint32_t size, Visit visit) {
  for (std::size_t word = 0; word < bits.size(); ++word) {
    const std::uint32_t begin = static_cast<std::uint32_t>(word) * 64;
    std::uint64_t rest = ~bits[word];
    if (size - begin < 64) rest &= (std::uint64_t{1} << (size - begin)) - 1;
    for (; rest != 0; rest &= rest - 1) {
      visit(begin + static_cast<std::uint32_t>(std::countr_zero(rest)));
    }
  }
}

// Vectors of the compiler, split or joined as the machine has registers.
using Ints [[gnu::vector_size(64)]] = std::int32_t;

/// Sixty-four logits per word of `bits`: those whose bits are not set are forbidden.
LLM_VECTOR_VERSIONS
void forbid_missing(const std::uint64_t* bits, std::size_t words, float* logits) {
  constexpr Ints kLanes = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                           1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
  constexpr auto kForbiddenBits = std::bit_cast<std::int32_t>(kForbidden);
  for (std::size_t word = 0; word < words; ++word) {
    if (bits[word] == ~std::uint64_t{0}) continue;
    for (int part = 0; part < 4; ++part) {
      float* const at = logits + word * 64 + part * 16;
      Ints values;
      std::memcpy(&values, at, sizeof values);
      const Ints kept = (Ints{} + static_cast<std::int32_t>(bits[word] >> (part * 16))) & kLanes;
      values = kept != 0 ? values : Ints{} + kForbiddenBits;
      std::memcpy(at, &values, sizeof values);
    }
  }
}

LLM_VECTOR_VERSIONS
void forbid(float* logits, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) logits[i] = kForbidden;
}

void apply_bits(std::span<const std::uint64_t> bits, std::span<float> logits) {
  const std::size_t whole = logits.size() / 64;
  forbid_missing(bits.data(), whole, logits.data());
  for (std::size_t at = whole * 64; at < logits.size(); ++at) {
    if (!(bits[at / 64] >> (at % 64) & 1)) logits[at] = kForbidden;
  }
}

}  // namespace

/// Adds up in bytes what compilers turn into vector instructions; std::popcount is a call where the
/// processor is not known to have an instruction for it.
std::uint32_t count_bits(std::span<const std::uint64_t> bits) {
  constexpr std::uint64_t kPairs = 0x5555555555555555, kQuads = 0x3333333333333333;
  constexpr std::uint64_t kBytes = 0x0F0F0F0F0F0F0F0F;
  constexpr std::size_t kWords = 512;  // four times 8192 fit 16 bits
  std::uint32_t count = 0;
  while (!bits.empty()) {
    const auto part = bits.first(std::min<std::size_t>(bits.size(), kWords));
    std::uint64_t even = 0, odd = 0;
    for (std::uint64_t word : part) {
      word -= word >> 1 & kPairs;
      word = (word & kQuads) + (word >> 2 & kQuads);
      word = (word + (word >> 4)) & kBytes;
      even += word & 0x00FF00FF00FF00FF;
      odd += word >> 8 & 0x00FF00FF00FF00FF;
    }
    const std::uint64_t sums = even + odd;  // four of 16 bits
    count += static_cast<std::uint32_t>((sums * 0x0001000100010001) >> 48);
    bits = bits.subspan(part.size());
  }
  return count;
}

TokenSet token_set_of_tokens(std::vector<std::uint64_t> bits, std::uint32_t size) {
  TokenSet set;
  set.count = count_bits(bits);
  const std::uint32_t longest = size / kBitsPerEntry;
  if (set.count <= longest) {
    set.list.reserve(set.count);
    for_bits(bits, [&](std::uint32_t token) { set.list.push_back(static_cast<TokenId>(token)); });
  } else if (size - set.count <= longest) {
    set.form = TokenSet::Form::most;
    set.list.reserve(size - set.count);
    for_missing(bits, size,
                [&](std::uint32_t token) { set.list.push_back(static_cast<TokenId>(token)); });
  } else {
    set.form = TokenSet::Form::bits;
    set.bits = std::move(bits);
  }
  return set;
}

std::vector<std::uint64_t> token_bits(std::span<const std::uint64_t> ranks,
                                      const Vocabulary& vocabulary) {
  const auto size = static_cast<std::uint32_t>(vocabulary.size());
  const bool are_most = count_bits(ranks) > size / 2;
  std::vector<std::uint64_t> bits((size + 63) / 64, are_most ? ~std::uint64_t{0} : 0);
  const auto flip = [&](TokenId token) { bits[token / 64] ^= std::uint64_t{1} << (token % 64); };
  if (!are_most) {
    for_bits(ranks, [&](std::uint32_t rank) { flip(vocabulary.token(rank)); });
    return bits;
  }
  for_missing(ranks, vocabulary.rank_count(),
              [&](std::uint32_t rank) { flip(vocabulary.token(rank)); });
  for (const TokenId token : vocabulary.unranked()) flip(token);
  if (size % 64 != 0) bits.back() &= (std::uint64_t{1} << (size % 64)) - 1;
  return bits;
}

void TokenSet::apply(std::span<float> logits, const Vocabulary& vocabulary, bool may_end) const {
  const std::size_t size = std::min<std::size_t>(logits.size(), vocabulary.size());
  std::vector<std::pair<TokenId, float>> kept;
  const auto keep = [&](TokenId token) {
    if (static_cast<std::size_t>(token) < size) kept.emplace_back(token, logits[token]);
  };
  if (may_end) {
    for (const TokenId token : vocabulary.ends()) keep(token);
  }
  std::fill(logits.begin() + static_cast<std::ptrdiff_t>(size), logits.end(), kForbidden);
  if (form == Form::few) {
    for (const TokenId token : list) keep(token);
    forbid(logits.data(), size);
  } else if (form == Form::most) {
    for (const TokenId token : list) {
      if (static_cast<std::size_t>(token) < size) logits[token] = kForbidden;
    }
  } else {
    apply_bits(bits, logits.first(size));
  }
  for (const auto& [token, logit] : kept) logits[token] = logit;
}

}  // namespace llm::grammar
