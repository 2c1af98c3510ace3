// A mask is put together from what regions do with tokens (region_mask.h), which does not depend on
// where a region was called and is shared: the regions that a state is in read tokens, or read them
// until they end; the rests of these go on in the regions that follow, and so on. Only the smallest
// rests are read from the state at hand itself.
#include "grammar/mask/mask.h"

#include <algorithm>
#include <limits>

#include "grammar/mask/region_mask.h"
#include "grammar/mask/trie_walk.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kFewRounds = 10;        // of a counted region: near its end
constexpr std::uint32_t kFewNodes = 8;        // of rests that are read at once
constexpr std::size_t kMaxFrames = 16;        // that are looked at one by one
constexpr int kMaxDepth = 32;                 // regions that one token ends in
constexpr std::uint32_t kMaxSpent = 400'000;  // looks at rests that one mask may cost

std::size_t words(const Vocabulary& vocabulary) {
  return (static_cast<std::size_t>(vocabulary.size()) + 63) / 64;
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
/// leave too early, must then be read one by one.
struct Stand {
  Stand(const Automaton& automaton, const Frame* frame) {
    const Region* region = frame == nullptr ? nullptr : &automaton.program().regions[frame->region];
    is_counted = region != nullptr && region->kind == Region::Kind::counted;
    if (!is_counted) return;
    left = rounds_left(*region, *frame);
    is_open = left >= kFewRounds;
    may_leave = frame->low >= static_cast<std::uint32_t>(region->minimum);
  }
  /// Tokens of `longest` bytes and less can be read as if nothing were counted.
  bool is_free(std::size_t longest) const { return !is_counted || (may_leave && left >= longest); }

  bool is_counted = false, is_open = false, may_leave = true;
  std::size_t left = std::numeric_limits<std::size_t>::max();  // rounds
};

/// The frames of a state's items, each once; empty when there are too many to look at one by one.
std::vector<const Frame*> frames_of(const State* state) {
  std::vector<const Frame*> frames;
  for (const Item& item : state->items) {
    if (std::find(frames.begin(), frames.end(), item.frame) != frames.end()) continue;
    if (frames.size() == kMaxFrames) return {};
    frames.push_back(item.frame);
  }
  return frames;
}

/// Collects the tokens of one state, a bit for each.
class Collector {
 public:
  Collector(Automaton& automaton, const Vocabulary& vocabulary)
      : automaton_(automaton),
        vocabulary_(vocabulary),
        bits_(words(vocabulary), 0),
        walk_(automaton, vocabulary, TokenBits{vocabulary, bits_}) {}

  std::vector<std::uint64_t> tokens_of(const State* state) {
    const std::vector<const Frame*> frames = frames_of(state);
    for (const Frame* frame : frames) add(state, frame);
    if (frames.empty() || is_spent()) walk_.all(state);
    return std::move(bits_);
  }

 private:
  bool is_spent() const { return spent_ > kMaxSpent; }

  /// All tokens, as far as `frame` begins to read them.
  void add(const State* state, const Frame* frame) {
    const Stand stand(automaton_, frame);
    const auto longest = static_cast<std::size_t>(vocabulary_.longest());
    const State* local = automaton_.inside(state, frame, stand.is_open);
    const RegionMask& mask = region_mask(automaton_, local, vocabulary_);
    if (!stand.is_open || stand.is_free(longest)) {
      mask.add_to(bits_);
      if (frame != nullptr) add_exits(mask, automaton_.after(frame), 0);
      return;
    }
    const State* exact = automaton_.inside(state, frame);
    if (stand.left < longest) {
      add_but_long(mask, state, stand.left);
    } else {
      mask.add_to(bits_);
    }
    add_checked_exits(mask, automaton_.after(frame), exact, stand);
  }

  /// Without those that do more rounds than are left, unless what follows reads their rests.
  void add_but_long(const RegionMask& mask, const State* state, std::size_t left) {
    std::vector<std::uint64_t> found(bits_.size(), 0);
    mask.add_to(found);
    for (const std::uint32_t rank : vocabulary_.by_length()) {
      const TokenId token = vocabulary_.token(rank);
      const std::string_view text = vocabulary_.text(token);
      if (text.size() <= left) break;
      if (!(found[token / 64] >> (token % 64) & 1)) continue;
      if (read(automaton_, state, text)->is_dead()) {
        found[token / 64] &= ~(std::uint64_t{1} << (token % 64));
      }
    }
    for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] |= found[i];
  }

  /// Of a counted region that is taken as one without bounds.
  void add_checked_exits(const RegionMask& mask, const State* after, const State* exact,
                         const Stand& stand) {
    const auto nodes = vocabulary_.nodes();
    const auto may_be_left_before = [&](const Vocabulary::Node& node) {
      const std::size_t depth = node.depth - 1u;
      if (stand.may_leave && depth <= stand.left) return true;
      const std::string_view text = vocabulary_.text(vocabulary_.token(node.first_rank));
      return read(automaton_, exact, text.substr(0, depth))->is_accepting;
    };
    for (const RegionMask::Byte& at : mask.bytes) {
      const State* now = automaton_.step(after, at.byte);
      if (now->is_dead()) continue;
      for (std::uint32_t i = at.begin; i < at.end && !walk_.is_exhausted(); ++i) {
        if (may_be_left_before(nodes[mask.exits[i]])) walk_.from(mask.exits[i], now);
      }
    }
  }

  struct Group {
    const State* state;
    ByteSet bytes;
    std::uint32_t size;
  };

  /// The rests of tokens that a region ends in, from the state behind it on. Those that lead to one
  /// state are one set, which is much the same for every stack.
  void add_exits(const RegionMask& mask, const State* after, int depth) {
    std::vector<Group> groups;
    for (const RegionMask::Byte& at : mask.bytes) {
      const State* now = automaton_.step(after, at.byte);
      if (now->is_dead()) continue;
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const Group& known) { return known.state == now; });
      if (group == groups.end()) group = groups.insert(group, Group{now, {}, 0});
      group->bytes[at.byte / 64] |= std::uint64_t{1} << (at.byte % 64);
      group->size += at.size;
    }
    for (const Group& group : groups) {
      if (is_spent()) return;
      if (group.size <= kFewNodes) {
        read_exits(mask, group);
      } else {
        add_rests(rests_behind(automaton_, mask, group.bytes), group.state, depth + 1);
      }
    }
  }

  void read_exits(const RegionMask& mask, const Group& group) {
    for (const RegionMask::Byte& at : mask.bytes) {
      if (!(group.bytes[at.byte / 64] >> (at.byte % 64) & 1)) continue;
      for (std::uint32_t i = at.begin; i < at.end; ++i) walk_.from(mask.exits[i], group.state);
    }
  }

  void add_rests(const Rests& rests, const State* state, int depth) {
    spent_ += 8;
    const std::vector<const Frame*> frames = frames_of(state);
    const bool is_free = std::all_of(frames.begin(), frames.end(), [&](const Frame* frame) {
      return Stand(automaton_, frame).is_free(static_cast<std::size_t>(vocabulary_.longest()));
    });
    if (frames.empty() || !is_free || depth > kMaxDepth) {
      for (const std::uint32_t node : rests.nodes) {
        if (walk_.is_exhausted()) return;
        walk_.from(node, state);
      }
      return;
    }
    for (const Frame* frame : frames) {
      const bool is_counted = Stand(automaton_, frame).is_counted;
      const State* local = automaton_.inside(state, frame, is_counted);
      bool is_new = false;
      const RegionMask& mask = region_mask(automaton_, local, rests, vocabulary_, is_new);
      if (is_new) spent_ += rests.size / 4;
      mask.add_to(bits_);
      if (frame != nullptr) add_exits(mask, automaton_.after(frame), depth);
    }
  }

  Automaton& automaton_;
  const Vocabulary& vocabulary_;
  std::vector<std::uint64_t> bits_;
  Walk<TokenBits> walk_;
  std::uint32_t spent_ = 0;
};

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

TokenSet packed(std::vector<std::uint64_t> bits, const Automaton& automaton, const State* state,
                const Vocabulary& vocabulary) {
  if (state->has_token_items) add_token_items(automaton, state, vocabulary, bits);
  return token_set_of_tokens(std::move(bits), static_cast<std::uint32_t>(vocabulary.size()));
}

/// The tokens of a state that reads few bytes: nearly always a short list.
TokenSet sparse_set(Automaton& automaton, const State* state, const Vocabulary& vocabulary) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  Walk(automaton, vocabulary, RankRanges{ranges}).all(state);
  std::uint32_t count = 0;
  for (const auto& [begin, end] : ranges) count += end - begin;
  if (state->has_token_items || count >= static_cast<std::uint32_t>(vocabulary.size()) / 16) {
    std::vector<std::uint64_t> bits(words(vocabulary), 0);
    for (const auto& [begin, end] : ranges) TokenBits{vocabulary, bits}.add(begin, end);
    return packed(std::move(bits), automaton, state, vocabulary);
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
      reads_little(state, vocabulary) ? sparse_set(automaton, state, vocabulary)
                                      : packed(Collector(automaton, vocabulary).tokens_of(state),
                                               automaton, state, vocabulary));
  const std::lock_guard lock(automaton.mask_mutex());
  if (const TokenSet* other = state->mask.load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(set);
  automaton.add_bytes(sizeof(TokenSet) + set->list.size() * 4 + set->bits.size() * 8);
  state->mask.store(set.get(), std::memory_order_release);
  return *set;
}

}  // namespace llm::grammar
