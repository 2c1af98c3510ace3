// Masks are made of two parts. What a region itself does with a token does not depend on where it
// was called: this is computed once per local state (Automaton::inside) and shared. Where the
// region ends inside of a token, the rest of the token is walked from what follows the region.
#include "grammar/mask/mask.h"

#include <algorithm>
#include <limits>

#include "grammar/mask/local_mask.h"
#include "grammar/mask/trie_walk.h"

namespace llm::grammar {
namespace {

constexpr int kManyBytes = 10;              // live ones from which local masks pay: digits, for one
constexpr std::uint32_t kManyNodes = 4000;  // the same for tokens that begin with a live byte
constexpr std::size_t kFewRounds = 10;      // of a counted region: near its end
constexpr std::uint32_t kManyRests = 8;     // from which putting them together pays

std::size_t words(const Vocabulary& vocabulary) {
  return (vocabulary.rank_count() + 63) / 64;
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

/// A region as it stands in a frame. A counted one that is far from its bounds is taken as one
/// without: a token cannot do more rounds than it has bytes. Only longer tokens, and those that may
/// leave too early, are then read one by one.
class FrameMask {
 public:
  FrameMask(Automaton& automaton, const State* state, const Frame* frame,
            const Vocabulary& vocabulary)
      : automaton_(automaton), vocabulary_(vocabulary), frame_(frame) {
    const Region* region = frame == nullptr ? nullptr : &automaton.program().regions[frame->region];
    const bool is_counted = region != nullptr && region->kind == Region::Kind::counted;
    if (is_counted) left_ = rounds_left(*region, *frame);
    is_open_ = is_counted && left_ >= kFewRounds;
    may_leave_ = !is_counted || frame->low >= static_cast<std::uint32_t>(region->minimum);
    if (is_open_) exact_ = automaton.inside(state, frame);
    mask_ = &local_mask(automaton, automaton.inside(state, frame, is_open_), vocabulary);
  }

  /// Adds the tokens that the region reads, and those that it ends in.
  void add_to(std::vector<std::uint64_t>& bits) const {
    if (is_open_ && left_ < static_cast<std::size_t>(vocabulary_.longest())) {
      std::vector<std::uint64_t> found = mask_->bits;
      remove_long(found);
      for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= found[i];
    } else {
      for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= mask_->bits[i];
    }
    if (frame_ != nullptr) add_rests(RankBits{bits});
  }

 private:
  /// Those that do more rounds than are left.
  void remove_long(std::vector<std::uint64_t>& found) const {
    for (const std::uint32_t rank : vocabulary_.by_length()) {
      const std::string_view text = vocabulary_.text(vocabulary_.token(rank));
      if (text.size() <= left_) break;
      if (!(found[rank / 64] >> (rank % 64) & 1)) continue;
      if (read(automaton_, exact_, text)->is_dead()) {
        found[rank / 64] &= ~(std::uint64_t{1} << (rank % 64));
      }
    }
  }

  void add_rests(RankBits found) const {
    const State* after = automaton_.after(frame_);
    const bool must_look =
        is_open_ && (!may_leave_ || left_ < static_cast<std::size_t>(vocabulary_.longest()));
    Walk walk(automaton_, vocabulary_, found);
    for (int byte = 0; byte < 256 && !walk.is_exhausted(); ++byte) {
      const std::uint32_t begin = mask_->first[byte], end = mask_->first[byte + 1];
      if (begin == end) continue;
      const State* now = automaton_.step(after, static_cast<std::uint8_t>(byte));
      if (now->is_dead()) continue;
      if (!must_look && end - begin >= kManyRests) {
        const auto value = static_cast<std::uint8_t>(byte);
        walk_rests(automaton_, rest_trie(automaton_, *mask_, value, vocabulary_), now, found);
        continue;
      }
      for (std::uint32_t i = begin; i < end && !walk.is_exhausted(); ++i) {
        const LocalMask::Rest& rest = mask_->rests[i];
        if (must_look && !may_be_left_before(rest)) continue;
        found.add(rest.first_rank, rest.first_rank + rest.count);
        if (!rest.is_leaf) walk.below(rest.node, now);
      }
    }
  }

  /// Of an open counted region.
  bool may_be_left_before(const LocalMask::Rest& rest) const {
    const std::size_t depth = rest.depth - 1u;
    if (may_leave_ && depth <= left_) return true;
    const std::string_view text = vocabulary_.text(vocabulary_.token(rest.first_rank));
    return read(automaton_, exact_, text.substr(0, depth))->is_accepting;
  }

  Automaton& automaton_;
  const Vocabulary& vocabulary_;
  const Frame* frame_;
  std::size_t left_ = std::numeric_limits<std::size_t>::max();  // rounds
  bool is_open_ = false, may_leave_ = true;
  const State* exact_ = nullptr;
  const LocalMask* mask_ = nullptr;
};

/// The frames of a state's items, each once; empty when there are too many to look at one by one.
std::vector<const Frame*> frames_of(const State* state) {
  std::vector<const Frame*> frames;
  for (const Item& item : state->items) frames.push_back(item.frame);
  std::sort(frames.begin(), frames.end());
  frames.erase(std::unique(frames.begin(), frames.end()), frames.end());
  if (frames.size() > 16) frames.clear();
  return frames;
}

std::vector<std::uint64_t> ranks_of(Automaton& automaton, const State* state,
                                    const Vocabulary& vocabulary) {
  std::vector<std::uint64_t> bits(words(vocabulary), 0);
  const std::vector<const Frame*> frames = frames_of(state);
  if (frames.empty()) Walk(automaton, vocabulary, RankBits{bits}).all(state);
  for (const Frame* frame : frames) FrameMask(automaton, state, frame, vocabulary).add_to(bits);
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
  if (!state->has_token_items) return token_set_of_ranks(ranks, vocabulary);
  std::vector<std::uint64_t> bits = token_bits(ranks, vocabulary);
  add_token_items(automaton, state, vocabulary, bits);
  return token_set_of_tokens(std::move(bits), static_cast<std::uint32_t>(vocabulary.size()));
}

bool reads_little(const State* state, const Vocabulary& vocabulary) {
  if (state->live_count >= kManyBytes) return false;
  std::uint32_t count = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    const std::uint32_t node = state->reads(value) ? vocabulary.first_node(value) : 0;
    if (node != 0) count += vocabulary.nodes()[node].end - node;
  }
  return count < kManyNodes;
}

/// The tokens of a state that reads few bytes: nearly always a short list.
TokenSet sparse_set(Automaton& automaton, const State* state, const Vocabulary& vocabulary) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  Walk(automaton, vocabulary, RankRanges{ranges}).all(state);
  std::uint32_t count = 0;
  for (const auto& [begin, end] : ranges) count += end - begin;
  if (state->has_token_items || count >= static_cast<std::uint32_t>(vocabulary.size()) / 16) {
    std::vector<std::uint64_t> bits(words(vocabulary), 0);
    for (const auto& [begin, end] : ranges) RankBits{bits}.add(begin, end);
    return packed(bits, automaton, state, vocabulary);
  }
  TokenSet set{.form = TokenSet::Form::few, .list = {}, .bits = {}, .count = count};
  set.list.reserve(count);
  for (const auto& [begin, end] : ranges) {
    for (std::uint32_t rank = begin; rank < end; ++rank) {
      set.list.push_back(vocabulary.token(rank));
    }
  }
  return set;
}

}  // namespace

const TokenSet& allowed_tokens(Automaton& automaton, const State* state,
                               const Vocabulary& vocabulary) {
  if (const TokenSet* known = state->mask.load(std::memory_order_acquire)) return *known;
  const auto set = std::make_shared<const TokenSet>(
      reads_little(state, vocabulary)
          ? sparse_set(automaton, state, vocabulary)
          : packed(ranks_of(automaton, state, vocabulary), automaton, state, vocabulary));
  const std::lock_guard lock(automaton.mask_mutex());
  if (const TokenSet* other = state->mask.load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(set);
  automaton.add_bytes(sizeof(TokenSet) + set->list.size() * 4 + set->bits.size() * 8);
  state->mask.store(set.get(), std::memory_order_release);
  return *set;
}

}  // namespace llm::grammar
