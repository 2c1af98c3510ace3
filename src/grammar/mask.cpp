// Masks are made of two parts. What a region itself does with a token does not depend on where it
// was called: this is computed once per local state (Automaton::inside) and shared. Where the
// region ends inside of a token, the rest of the token is walked from what follows the region.
#include "grammar/mask.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "grammar/utf8_state.h"

namespace llm::grammar {

/// What a region does with the tokens from a state on.
struct LocalMask {
  std::vector<std::uint64_t> bits;  // ranks of tokens that it reads, or reads until it ends
  /// Nodes of the trie before which the region may have ended, by their byte: those of byte b are
  /// [first[b], first[b + 1]).
  std::vector<std::uint32_t> rests;
  std::array<std::uint32_t, 257> first{};
};

namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr int kDense = 24;                   // live bytes from which local masks pay
constexpr std::size_t kFewRounds = 10;       // of a counted region: near its end
constexpr std::uint32_t kLargeSubtree = 24;  // nodes from which a look at its kinds pays
/// Steps in items that one mask may cost. What a hostile grammar leaves undecided is forbidden.
constexpr std::uint64_t kMaxWork = 3'000'000;

void set_range(std::vector<std::uint64_t>& bits, std::uint32_t begin, std::uint32_t end) {
  if (begin >= end) return;
  const std::uint32_t first = begin / 64, last = (end - 1) / 64;
  const std::uint64_t from = ~std::uint64_t{0} << (begin % 64);
  const std::uint64_t to = ~std::uint64_t{0} >> (63 - (end - 1) % 64);
  if (first == last) {
    bits[first] |= from & to;
    return;
  }
  bits[first] |= from;
  for (std::uint32_t i = first + 1; i < last; ++i) bits[i] = ~std::uint64_t{0};
  bits[last] |= to;
}

template <class Visit>
void for_bits(std::span<const std::uint64_t> bits, Visit visit) {
  for (std::size_t word = 0; word < bits.size(); ++word) {
    for (std::uint64_t rest = bits[word]; rest != 0; rest &= rest - 1) {
      visit(static_cast<std::uint32_t>(word * 64) + static_cast<unsigned>(std::countr_zero(rest)));
    }
  }
}

/// Whether every character beyond ASCII leads back to `state`.
bool loops_on_characters(Automaton& automaton, const State* state) {
  std::vector<std::pair<const State*, int>> seen = {{state, kCharacterBoundary}};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto [at, character] = seen[i];
    for (int byte = 0x80; byte < 256; ++byte) {
      const int next_character = next_utf8_state(character, byte);
      if (next_character < 0) continue;
      const State* next = automaton.step(at, static_cast<std::uint8_t>(byte));
      if (next->is_dead()) return false;
      if (next_character == kCharacterBoundary) {
        if (next != state) return false;
        continue;
      }
      const std::pair<const State*, int> pair = {next, next_character};
      if (std::find(seen.begin(), seen.end(), pair) == seen.end()) seen.push_back(pair);
      if (seen.size() > 64) return false;
    }
  }
  return true;
}

/// The kinds of bytes that leave `state` as it is.
ByteKinds loop_kinds(Automaton& automaton, const State* state) {
  if (const std::uint64_t known = state->loop_kinds.load(std::memory_order_relaxed)) {
    return static_cast<ByteKinds>(known);
  }
  ByteKinds loops = ~(kBrokenCharacters | kOtherCharacters), changing = 0;
  for (int byte = 0; byte < 0x80; ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    if (automaton.step(state, value) != state) changing |= kind_of(value);
  }
  loops &= ~changing;
  if (loops_on_characters(automaton, state)) loops |= kOtherCharacters;
  state->loop_kinds.store(std::uint64_t{1} << 32 | loops, std::memory_order_relaxed);
  return loops;
}

class Walk {
 public:
  Walk(Automaton& automaton, const Vocabulary& vocabulary, std::vector<std::uint64_t>& bits)
      : automaton_(automaton),
        nodes_(vocabulary.nodes()),
        bits_(bits),
        states_(static_cast<std::size_t>(vocabulary.longest()) + 1),
        work_limit_(automaton.work() + kMaxWork) {}

  /// The tokens below `node` (not those that end there), read from `state` on.
  void below(std::uint32_t node, const State* state, std::vector<std::uint32_t>* rests = nullptr) {
    const std::uint32_t end = nodes_[node].end;
    const int top = nodes_[node].depth;
    if (skips(node, state)) return;
    states_[top] = state;
    for (std::uint32_t i = node + 1; i < end;) {
      const Vocabulary::Node& at = nodes_[i];
      const State* before = states_[at.depth - 1];
      const bool was_left = rests != nullptr && before->is_accepting && at.depth > 1;
      const State* now = automaton_.step(before, at.byte);
      if (now->is_dead()) {
        if (was_left) rests->push_back(i);
        i = at.end;
        if (automaton_.work() > work_limit_) return;
        continue;
      }
      set_range(bits_, at.first_rank, nodes_[i + 1].first_rank);
      if (now == before && skips(i, now)) {
        // All of it is read without leaving: what would follow the region adds nothing.
        i = at.end;
        continue;
      }
      if (was_left) rests->push_back(i);
      states_[at.depth] = now;
      ++i;
    }
  }

  /// One token's rest: `node` and what is below it.
  void from(std::uint32_t node, const State* before) {
    const State* now = automaton_.step(before, nodes_[node].byte);
    if (now->is_dead()) return;
    set_range(bits_, nodes_[node].first_rank, nodes_[node + 1].first_rank);
    below(node, now);
  }

  bool is_exhausted() const { return automaton_.work() > work_limit_; }

 private:
  /// Sets all tokens of a subtree whose bytes leave the state as it is.
  bool skips(std::uint32_t node, const State* state) {
    const Vocabulary::Node& at = nodes_[node];
    if (at.end - node < kLargeSubtree || state->live_count < kDense) return false;
    if ((at.kinds & ~loop_kinds(automaton_, state)) != 0) return false;
    set_range(bits_, at.first_rank, nodes_[at.end].first_rank);
    return true;
  }

  Automaton& automaton_;
  std::span<const Vocabulary::Node> nodes_;
  std::vector<std::uint64_t>& bits_;
  std::vector<const State*> states_;  // by depth
  std::uint64_t work_limit_;
};

std::size_t words(const Vocabulary& vocabulary) {
  return (vocabulary.rank_count() + 63) / 64;
}

const LocalMask& local_mask(Automaton& automaton, const State* local,
                            const Vocabulary& vocabulary) {
  if (const auto* known = local->local_mask.load(std::memory_order_acquire)) return *known;
  auto mask = std::make_shared<LocalMask>();
  mask->bits.assign(words(vocabulary), 0);
  std::vector<std::uint32_t> rests;
  Walk(automaton, vocabulary, mask->bits).below(0, local, &rests);
  const auto nodes = vocabulary.nodes();
  for (const std::uint32_t node : rests) ++mask->first[nodes[node].byte + 1];
  for (int byte = 0; byte < 256; ++byte) mask->first[byte + 1] += mask->first[byte];
  mask->rests.resize(rests.size());
  std::array<std::uint32_t, 257> next = mask->first;
  for (const std::uint32_t node : rests) mask->rests[next[nodes[node].byte]++] = node;

  const std::lock_guard lock(automaton.mask_mutex());
  if (const auto* other = local->local_mask.load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(mask);
  automaton.add_bytes(sizeof(LocalMask) + mask->bits.size() * 8 + mask->rests.size() * 4);
  local->local_mask.store(mask.get(), std::memory_order_release);
  return *mask;
}

const State* read(Automaton& automaton, const State* state, std::string_view text) {
  for (const char c : text) {
    state = automaton.step(state, static_cast<std::uint8_t>(c));
    if (state->is_dead()) break;
  }
  return state;
}

/// Rounds of a counted region that may still be begun or finished, whatever of them is possible.
std::size_t rounds_left(const Region& region, const Frame& frame) {
  if (region.maximum == Expressions::kNoMaximum) return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(region.maximum) - frame.high;
}

/// The tokens that the items in `frame` read. A counted region far from its bounds is taken as one
/// without: a token cannot do more rounds than it has bytes. Only longer ones, and those that may
/// leave too early, are read one by one.
void add_frame(Automaton& automaton, const State* state, const Frame* frame,
               const Vocabulary& vocabulary, std::vector<std::uint64_t>& bits) {
  const Region* region = frame == nullptr ? nullptr : &automaton.program().regions[frame->region];
  const bool is_counted = region != nullptr && region->kind == Region::Kind::counted;
  const std::size_t left =
      is_counted ? rounds_left(*region, *frame) : std::numeric_limits<std::size_t>::max();
  const bool is_open = is_counted && left >= kFewRounds;
  const bool may_leave = !is_counted || frame->low >= static_cast<std::uint32_t>(region->minimum);
  const LocalMask& mask =
      local_mask(automaton, automaton.inside(state, frame, is_open), vocabulary);
  std::vector<std::uint64_t> found = mask.bits;
  const State* exact = is_open ? automaton.inside(state, frame) : nullptr;
  for (const std::uint32_t rank : vocabulary.by_length()) {
    const std::string_view text = vocabulary.text(vocabulary.token(rank));
    if (!is_open || text.size() <= left) break;
    if (!(found[rank / 64] >> (rank % 64) & 1)) continue;
    if (read(automaton, exact, text)->is_dead()) {
      found[rank / 64] &= ~(std::uint64_t{1} << (rank % 64));
    }
  }
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= found[i];
  if (frame == nullptr) return;
  const State* after = automaton.after(frame);
  Walk walk(automaton, vocabulary, bits);
  const auto nodes = vocabulary.nodes();
  for (int byte = 0; byte < 256; ++byte) {
    if (!after->reads(static_cast<std::uint8_t>(byte))) continue;
    for (std::uint32_t i = mask.first[byte]; i < mask.first[byte + 1]; ++i) {
      const Vocabulary::Node& node = nodes[mask.rests[i]];
      const std::size_t depth = node.depth - 1u;
      if (is_open && (!may_leave || depth > left)) {
        const std::string_view text = vocabulary.text(vocabulary.token(node.first_rank));
        if (!read(automaton, exact, text.substr(0, depth))->is_accepting) continue;
      }
      walk.from(mask.rests[i], after);
      if (walk.is_exhausted()) return;
    }
  }
}

std::vector<std::uint64_t> ranks_of(Automaton& automaton, const State* state,
                                    const Vocabulary& vocabulary) {
  std::vector<std::uint64_t> bits(words(vocabulary), 0);
  if (state->live_count < kDense) {
    Walk(automaton, vocabulary, bits).below(0, state);
    return bits;
  }
  std::vector<const Frame*> frames;
  for (const Item& item : state->items) frames.push_back(item.frame);
  std::sort(frames.begin(), frames.end());
  frames.erase(std::unique(frames.begin(), frames.end()), frames.end());
  if (frames.size() > 16) {
    Walk(automaton, vocabulary, bits).below(0, state);
    return bits;
  }
  for (const Frame* frame : frames) add_frame(automaton, state, frame, vocabulary, bits);
  return bits;
}

/// What token items allow, by token.
void add_token_items(const Automaton& automaton, const State* state, const Vocabulary& vocabulary,
                     std::vector<std::uint64_t>& bits) {
  const auto set = [&](TokenId token) { bits[token / 64] |= std::uint64_t{1} << (token % 64); };
  for (const Item& item : state->items) {
    const Position& position = automaton.program().positions[item.position];
    if (position.op == Position::Op::token) {
      const TokenId token = position.a;
      const bool fits = vocabulary.has(token) && !vocabulary.ends_generation(token) &&
                        !vocabulary.text(token).empty();
      if (fits) set(token);
    } else if (position.op == Position::Op::token_but) {
      for (std::uint32_t rank = 0; rank < vocabulary.rank_count(); ++rank) {
        if (vocabulary.token(rank) != position.a) set(vocabulary.token(rank));
      }
    }
  }
}

TokenSet packed(std::span<const std::uint64_t> ranks, const Automaton& automaton,
                const State* state, const Vocabulary& vocabulary) {
  TokenSet set;
  const auto size = static_cast<std::uint32_t>(vocabulary.size());
  for (const std::uint64_t word : ranks) set.count += std::popcount(word);
  if (!state->has_token_items && set.count < size / 16) {
    for_bits(ranks, [&](std::uint32_t rank) { set.list.push_back(vocabulary.token(rank)); });
    return set;
  }
  std::vector<std::uint64_t> bits((size + 63) / 64, 0);
  for_bits(ranks, [&](std::uint32_t rank) {
    const TokenId token = vocabulary.token(rank);
    bits[token / 64] |= std::uint64_t{1} << (token % 64);
  });
  if (state->has_token_items) {
    add_token_items(automaton, state, vocabulary, bits);
    set.count = 0;
    for (const std::uint64_t word : bits) set.count += std::popcount(word);
  }
  if (set.count < size / 16) {
    for_bits(bits, [&](std::uint32_t token) { set.list.push_back(static_cast<TokenId>(token)); });
  } else if (set.count > size - size / 8) {
    set.form = TokenSet::Form::most;
    for (std::size_t word = 0; word < bits.size(); ++word) {
      for (std::uint64_t rest = ~bits[word]; rest != 0; rest &= rest - 1) {
        const auto token = static_cast<std::uint32_t>(word * 64 + std::countr_zero(rest));
        if (token < size) set.list.push_back(static_cast<TokenId>(token));
      }
    }
  } else {
    set.form = TokenSet::Form::bits;
    set.bits = std::move(bits);
  }
  return set;
}

/// For every byte of a set, all bits of the numbers that it keeps.
const std::array<std::array<std::uint32_t, 8>, 256>& keeping_table() {
  static const auto table = [] {
    std::array<std::array<std::uint32_t, 8>, 256> made{};
    for (unsigned byte = 0; byte < 256; ++byte) {
      for (unsigned i = 0; i < 8; ++i) made[byte][i] = byte >> i & 1 ? ~std::uint32_t{0} : 0;
    }
    return made;
  }();
  return table;
}

/// Eight at a time without branches, which compilers turn into vector instructions.
void apply_bits(std::span<const std::uint64_t> bits, std::span<float> logits) {
  const auto& table = keeping_table();
  constexpr auto kForbiddenBits = std::bit_cast<std::uint32_t>(kForbidden);
  std::size_t at = 0;
  for (; at + 8 <= logits.size(); at += 8) {
    const auto byte = static_cast<std::uint8_t>(bits[at / 64] >> (at % 64));
    if (byte == 0xFF) continue;
    std::array<std::uint32_t, 8> values;
    std::memcpy(values.data(), logits.data() + at, sizeof values);
    for (int i = 0; i < 8; ++i) {
      values[i] = (values[i] & table[byte][i]) | (kForbiddenBits & ~table[byte][i]);
    }
    std::memcpy(logits.data() + at, values.data(), sizeof values);
  }
  for (; at < logits.size(); ++at) {
    if (!(bits[at / 64] >> (at % 64) & 1)) logits[at] = kForbidden;
  }
}

}  // namespace

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
    std::fill(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(size), kForbidden);
  } else if (form == Form::most) {
    for (const TokenId token : list) {
      if (static_cast<std::size_t>(token) < size) logits[token] = kForbidden;
    }
  } else {
    apply_bits(bits, logits.first(size));
  }
  for (const auto& [token, logit] : kept) logits[token] = logit;
}

const TokenSet& allowed_tokens(Automaton& automaton, const State* state,
                               const Vocabulary& vocabulary) {
  if (const TokenSet* known = state->mask.load(std::memory_order_acquire)) return *known;
  const std::vector<std::uint64_t> ranks = ranks_of(automaton, state, vocabulary);
  const auto set = std::make_shared<const TokenSet>(packed(ranks, automaton, state, vocabulary));
  const std::lock_guard lock(automaton.mask_mutex());
  if (const TokenSet* other = state->mask.load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(set);
  automaton.add_bytes(sizeof(TokenSet) + set->list.size() * 4 + set->bits.size() * 8);
  state->mask.store(set.get(), std::memory_order_release);
  return *set;
}

}  // namespace llm::grammar
