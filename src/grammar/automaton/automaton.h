// The states that texts lead to in a program, made as they are met and kept: a state is a set of
// positions with the calls that they return to. Calls made at one place are shared between all
// that made them (a graph-structured stack, Tomita 1985), so ambiguity costs little.
//
// States and frames are unique: equal ones are the same object. They live as long as their
// automaton. When an automaton has grown too large, a new one is started, and whoever uses the old
// one moves over (adopt()). Reading is lock-free; making a state takes a lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/token.h"
#include "grammar/automaton/arena.h"
#include "grammar/automaton/program.h"

namespace llm::grammar {

struct Frame;
struct TokenSet;
struct RegionMask;

/// A position and where its region returns to; null at the bottom.
struct Item {
  std::int32_t position;
  const Frame* frame;
  bool operator==(const Item&) const = default;
  bool operator<(const Item& other) const {
    return position != other.position ? position < other.position
                                      : std::less<const Frame*>()(frame, other.frame);
  }
};

/// A state: what may come next. Only positions that read something are kept.
struct State {
  std::span<const Item> items;
  bool is_accepting = false;
  bool has_token_items = false;
  std::array<std::uint64_t, 4> live{};        // bytes that some item reads
  std::array<std::uint8_t, 4> live_before{};  // how many in the words before each
  int live_count = 0;
  std::uint64_t hash = 0;
  mutable std::atomic<std::atomic<const State*>*> next = nullptr;  // per live byte
  mutable std::atomic<const TokenSet*> mask = nullptr;             // mask.h
  mutable std::atomic<const RegionMask*> region_mask = nullptr;    // region_mask.h
  mutable std::atomic<std::uint64_t> loop_kinds = 0;               // with bit 32 when known

  bool is_dead() const { return items.empty() && !is_accepting; }
  bool reads(std::uint8_t byte) const { return live[byte >> 6] >> (byte & 63) & 1; }
  /// Index into `next`. REQUIRES reads(byte).
  int index_of(std::uint8_t byte) const {
    if (live_count > kDirect) return byte;
    std::uint64_t below = live[byte >> 6] & ((std::uint64_t{1} << (byte & 63)) - 1);
    int index = live_before[byte >> 6];
    for (; below != 0; below &= below - 1) ++index;
    return index;
  }
  int next_size() const { return live_count > kDirect ? 256 : live_count; }

 private:
  static constexpr int kDirect = 24;
};

/// A called region: where it returns to, and what it has counted.
struct Frame {
  std::int32_t region = 0;
  /// Of a counted one: between so many rounds are done. kUncounted: any number may be and follow.
  std::uint32_t low = 0, high = 0;
  std::span<const Item> edges;
  std::span<const std::uint64_t> present;  // of an unordered one: a bit per member
  std::uint64_t edges_hash = 0, hash = 0;
  mutable std::atomic<const State*> after = nullptr;  // when the region has ended
};

class Automaton {
 public:
  static constexpr std::uint32_t kUncounted = 0xFFFFFFFF;
  static constexpr std::size_t kFull = std::size_t{24} << 20;  // bytes
  /// A text that is ambiguous in more ways has left the grammar.
  static constexpr std::size_t kMaxItems = 4000;

  explicit Automaton(std::shared_ptr<const Program> program);
  Automaton(const Automaton&) = delete;
  Automaton& operator=(const Automaton&) = delete;

  const State* start() const { return start_; }
  const State* dead() const { return dead_; }

  const State* step(const State* state, std::uint8_t byte) {
    if (!state->reads(byte)) return dead_;
    if (const auto* next = state->next.load(std::memory_order_acquire)) {
      const State* to = next[state->index_of(byte)].load(std::memory_order_acquire);
      if (to != nullptr) return to;
    }
    return make_step(state, byte);
  }
  /// A token item.
  const State* step_token(const State* state, TokenId token);
  /// What either allows.
  const State* join(const State* a, const State* b);
  /// The same state, of another automaton of the program, here.
  const State* adopt(const State* foreign);

  /// The part of `state` inside `frame` as a state of its own, which accepts where that returns.
  /// `uncounted`: as if the frame's region could be left and repeated at any time.
  const State* inside(const State* state, const Frame* frame, bool uncounted = false);
  const State* after(const Frame* frame);

  const Program& program() const { return *program_; }
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  bool is_full() const { return bytes() > kFull; }
  /// Steps that had to be made, in items looked at: what a walk has cost.
  std::uint64_t work() const { return work_.load(std::memory_order_relaxed); }
  /// For objects that hang on states.
  void add_bytes(std::size_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  /// Serialises the making of what hangs on states.
  std::mutex& mask_mutex() { return mask_mutex_; }
  std::vector<std::shared_ptr<const void>>& attachments() { return attachments_; }

 private:
  struct Pending {
    std::int32_t region;
    std::vector<Item> edges;
  };
  struct Visit {
    Item item;
    bool is_fresh;  // has read nothing since its region was entered
  };

  const State* make_step(const State* state, std::uint8_t byte);
  void begin();
  void add(std::int32_t position, const Frame* frame, bool is_fresh);
  void add_call(std::int32_t region, std::int32_t back, const Frame* frame);
  void run();
  void visit(const Visit& visit);
  void end_region(const Frame* frame);
  void end_round(const Region& region, const Frame* frame);
  void end_member(const Region& region, const Frame* frame, std::int32_t member);
  void add_members(const Region& region, const Frame* frame);
  void enter_calls();
  const State* finish();

  void merge_counts(std::vector<Item>& items);
  const State* intern_state(std::vector<Item>& items, bool is_accepting);
  const Frame* intern_frame(Frame frame);
  bool was_seen(const Visit& visit);

  std::shared_ptr<const Program> program_;
  std::mutex mutex_;
  std::mutex mask_mutex_;
  std::vector<std::shared_ptr<const void>> attachments_;
  Arena arena_;
  std::atomic<std::size_t> bytes_ = 0;
  std::atomic<std::uint64_t> work_ = 0;
  std::unordered_multimap<std::uint64_t, const State*> states_;
  std::unordered_multimap<std::uint64_t, const Frame*> frames_;
  std::unordered_map<const State*, std::unordered_map<TokenId, const State*>> token_steps_;
  const State* start_ = nullptr;
  const State* dead_ = nullptr;

  // Of the step that is being made.
  std::vector<Visit> worklist_;
  std::vector<Item> items_;
  std::vector<std::uint64_t> seen_;  // open addressing, 0 is free
  std::size_t seen_count_ = 0;
  std::vector<Pending> pending_;  // a heap by order
  std::unordered_map<std::int32_t, std::size_t> pending_index_;
  bool is_accepting_ = false;
  bool is_exhausted_ = false;
};

}  // namespace llm::grammar
