#include "grammar/automaton/automaton.h"

#include <algorithm>
#include <cassert>

namespace llm::grammar {
namespace {

using Op = Position::Op;

constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

std::uint64_t hash_items(std::span<const Item> items) {
  std::uint64_t hash = items.size();
  for (const Item& item : items) {
    hash = mix(hash, static_cast<std::uint64_t>(item.position));
    hash = mix(hash, reinterpret_cast<std::uintptr_t>(item.frame));
  }
  return hash;
}

template <class T>
bool equal(std::span<const T> a, std::span<const T> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool later(const Program& program, std::int32_t a, std::int32_t b) {
  return program.regions[a].order > program.regions[b].order;
}

}  // namespace

Automaton::Automaton(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  const std::lock_guard lock(mutex_);
  std::vector<Item> none;
  dead_ = intern_state(none, false);
  begin();
  is_accepting_ = program_->matches_empty;
  add_call(0, Program::kEnd, nullptr);
  start_ = finish();
}

const State* Automaton::make_step(const State* state, std::uint8_t byte) {
  const std::lock_guard lock(mutex_);
  begin();
  for (const Item& item : state->items) {
    const Position& position = program_->positions[item.position];
    if (position.op != Op::bytes) continue;
    const ByteEdge* edge = program_->edges.data() + position.a;
    for (const ByteEdge* end = edge + position.b; edge != end && edge->low <= byte; ++edge) {
      if (byte <= edge->high) add(edge->next, item.frame, false);
    }
  }
  const State* to = finish();
  auto* next = state->next.load(std::memory_order_relaxed);
  if (next == nullptr) {
    const int size = state->next_size();
    next = static_cast<std::atomic<const State*>*>(arena_.allocate(size * sizeof(*next)));
    for (int i = 0; i < size; ++i) new (next + i) std::atomic<const State*>(nullptr);
    add_bytes(size * sizeof(*next));
    state->next.store(next, std::memory_order_release);
  }
  next[state->index_of(byte)].store(to, std::memory_order_release);
  return to;
}

const State* Automaton::step_token(const State* state, TokenId token) {
  if (!state->has_token_items) return dead_;
  const std::lock_guard lock(mutex_);
  const State*& known = token_steps_[state][token];
  if (known != nullptr) return known;
  begin();
  for (const Item& item : state->items) {
    const Position& position = program_->positions[item.position];
    const bool matches = (position.op == Op::token && position.a == token) ||
                         (position.op == Op::token_but && position.a != token);
    if (matches) add(position.b, item.frame, false);
  }
  add_bytes(64);
  return known = finish();
}

const State* Automaton::join(const State* a, const State* b) {
  if (a->is_dead() || a == b) return b;
  if (b->is_dead()) return a;
  const std::lock_guard lock(mutex_);
  std::vector<Item> items(a->items.begin(), a->items.end());
  items.insert(items.end(), b->items.begin(), b->items.end());
  return intern_state(items, a->is_accepting || b->is_accepting);
}

const State* Automaton::adopt(const State* foreign) {
  const std::lock_guard lock(mutex_);
  std::unordered_map<const Frame*, const Frame*> ours = {{nullptr, nullptr}};
  std::vector<const Frame*> path;
  for (const Item& item : foreign->items) {
    path.push_back(item.frame);
    while (!path.empty()) {
      const Frame* frame = path.back();
      if (ours.contains(frame)) {
        path.pop_back();
        continue;
      }
      const std::size_t depth = path.size();
      for (const Item& edge : frame->edges) {
        if (!ours.contains(edge.frame)) path.push_back(edge.frame);
      }
      if (path.size() != depth) continue;
      std::vector<Item> edges;
      for (const Item& edge : frame->edges) edges.push_back({edge.position, ours[edge.frame]});
      std::sort(edges.begin(), edges.end());
      ours[frame] = intern_frame({.region = frame->region,
                                  .low = frame->low,
                                  .high = frame->high,
                                  .edges = edges,
                                  .present = frame->present});
      path.pop_back();
    }
  }
  std::vector<Item> items;
  for (const Item& item : foreign->items) items.push_back({item.position, ours[item.frame]});
  return intern_state(items, foreign->is_accepting);
}

const State* Automaton::inside(const State* state, const Frame* frame, bool uncounted) {
  const std::lock_guard lock(mutex_);
  const Frame* bottom = nullptr;
  if (frame != nullptr && program_->regions[frame->region].kind != Region::Kind::plain) {
    const Item back = {Program::kEnd, nullptr};
    bottom = intern_frame({.region = frame->region,
                           .low = uncounted ? kUncounted : frame->low,
                           .high = uncounted ? kUncounted : frame->high,
                           .edges = std::span(&back, 1),
                           .present = frame->present});
  }
  std::vector<Item> items;
  for (const Item& item : state->items) {
    if (item.frame == frame) items.push_back({item.position, bottom});
  }
  return intern_state(items, false);
}

const State* Automaton::after(const Frame* frame) {
  if (const State* known = frame->after.load(std::memory_order_acquire)) return known;
  const std::lock_guard lock(mutex_);
  begin();
  for (const Item& edge : frame->edges) add(edge.position, edge.frame, false);
  const State* state = finish();
  frame->after.store(state, std::memory_order_release);
  return state;
}

// --- making a step

void Automaton::begin() {
  worklist_.clear();
  items_.clear();
  pending_.clear();
  pending_index_.clear();
  if (seen_count_ > 0 || seen_.empty()) seen_.assign(64, 0);
  seen_count_ = 0;
  is_accepting_ = is_exhausted_ = false;
}

/// Remembers by hash alone: 64 bits, mixed from addresses that the text cannot choose.
bool Automaton::was_seen(const Visit& visit) {
  std::uint64_t key = mix(mix(0x51ED270B, static_cast<std::uint64_t>(visit.item.position) * 2 +
                                              (visit.is_fresh ? 1 : 0)),
                          reinterpret_cast<std::uintptr_t>(visit.item.frame));
  if (key == 0) key = 1;
  if (seen_count_ * 2 >= seen_.size()) {
    std::vector<std::uint64_t> larger(seen_.size() * 4, 0);
    for (const std::uint64_t old : seen_) {
      if (old == 0) continue;
      std::size_t at = old & (larger.size() - 1);
      while (larger[at] != 0) at = (at + 1) & (larger.size() - 1);
      larger[at] = old;
    }
    seen_ = std::move(larger);
  }
  std::size_t at = key & (seen_.size() - 1);
  while (seen_[at] != 0) {
    if (seen_[at] == key) return true;
    at = (at + 1) & (seen_.size() - 1);
  }
  seen_[at] = key;
  ++seen_count_;
  return false;
}

void Automaton::add(std::int32_t position, const Frame* frame, bool is_fresh) {
  const Visit visit = {{position, frame}, is_fresh};
  if (!was_seen(visit)) worklist_.push_back(visit);
}

/// Where the call is the last thing of a plain region, that region is left at once: lists that are
/// written as recursion at their end do not grow the stack.
void Automaton::add_call(std::int32_t region, std::int32_t back, const Frame* frame) {
  const auto [found, is_new] = pending_index_.try_emplace(region, pending_.size());
  if (is_new) pending_.push_back({region, {}});
  std::vector<Item>& edges = pending_[found->second].edges;
  const bool is_last = program_->positions[back].op == Op::end && frame != nullptr &&
                       program_->regions[frame->region].kind == Region::Kind::plain;
  if (is_last) {
    edges.insert(edges.end(), frame->edges.begin(), frame->edges.end());
  } else {
    edges.push_back({back, frame});
  }
}

void Automaton::run() {
  while (!worklist_.empty()) {
    if (seen_count_ > 4 * kMaxItems || items_.size() > kMaxItems) {
      is_exhausted_ = true;
      return;
    }
    const Visit next = worklist_.back();
    worklist_.pop_back();
    visit(next);
  }
}

void Automaton::visit(const Visit& visit) {
  const Position& position = program_->positions[visit.item.position];
  const Frame* frame = visit.item.frame;
  switch (position.op) {
    case Op::bytes:
    case Op::token:
    case Op::token_but:
      items_.push_back(visit.item);
      return;
    case Op::split:
      for (std::int32_t i = 0; i < position.b; ++i) {
        add(program_->targets[position.a + i], frame, visit.is_fresh);
      }
      return;
    case Op::call:
      return add_call(position.a, position.b, frame);
    case Op::members:
      return add_members(program_->regions[frame->region], frame);
    default:
      break;
  }
  // Something ends. What is empty was passed by already, where it was called.
  if (visit.is_fresh) return;
  if (frame == nullptr) {
    is_accepting_ = true;
    return;
  }
  const Region& region = program_->regions[frame->region];
  if (position.op == Op::separator_end) return add_members(region, frame);
  if (position.op == Op::member_end) return end_member(region, frame, position.a);
  if (region.kind == Region::Kind::counted) return end_round(region, frame);
  end_region(frame);
}

void Automaton::end_region(const Frame* frame) {
  for (const Item& edge : frame->edges) add(edge.position, edge.frame, false);
}

void Automaton::end_round(const Region& region, const Frame* frame) {
  if (frame->high == kUncounted) {
    end_region(frame);
    return add(region.start, frame, true);
  }
  const bool is_bounded = region.maximum != Expressions::kNoMaximum;
  const auto minimum = static_cast<std::uint32_t>(region.minimum);
  std::uint32_t low = frame->low + 1, high = frame->high + 1;
  if (high >= minimum) end_region(frame);
  if (is_bounded) {
    high = std::min(high, static_cast<std::uint32_t>(region.maximum) - 1);
    if (low > high) return;
  } else {
    low = std::min(low, minimum);
    high = std::min(high, minimum);
  }
  const Frame* again = intern_frame(
      {.region = frame->region, .low = low, .high = high, .edges = frame->edges, .present = {}});
  add(region.start, again, true);
}

void Automaton::end_member(const Region& region, const Frame* frame, std::int32_t member) {
  std::vector<std::uint64_t> present(frame->present.begin(), frame->present.end());
  present[member / 64] |= std::uint64_t{1} << (member % 64);
  const Frame* now =
      intern_frame({.region = frame->region, .edges = frame->edges, .present = std::span(present)});
  bool is_complete = true;
  int count = 0;
  for (std::size_t i = 0; i < present.size(); ++i) {
    is_complete = is_complete && (region.required[i] & ~present[i]) == 0;
    count += std::popcount(present[i]);
  }
  if (is_complete) end_region(now);
  if (count == static_cast<int>(region.members.size())) return;
  add(region.separator, now, true);
  if (region.separator_may_be_empty) add_members(region, now);
}

void Automaton::add_members(const Region& region, const Frame* frame) {
  for (std::size_t i = 0; i < region.members.size(); ++i) {
    if (frame->present[i / 64] >> (i % 64) & 1) continue;
    add(region.members[i], frame, true);
  }
}

/// All calls of one region from here share a frame. A region comes up before those that it may
/// begin with, so its callers are complete when it is entered.
void Automaton::enter_calls() {
  std::vector<std::int32_t> heap;
  const auto order = [this](std::int32_t a, std::int32_t b) { return later(*program_, a, b); };
  std::size_t known = 0;
  while (!is_exhausted_) {
    for (; known < pending_.size(); ++known) {
      heap.push_back(pending_[known].region);
      std::push_heap(heap.begin(), heap.end(), order);
    }
    if (heap.empty()) return;
    std::pop_heap(heap.begin(), heap.end(), order);
    const std::int32_t called = heap.back();
    heap.pop_back();
    std::vector<Item> edges = std::move(pending_[pending_index_[called]].edges);
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    merge_counts(edges);
    const Region& region = program_->regions[called];
    const std::vector<std::uint64_t> present(region.required.size(), 0);
    const Frame* frame =
        intern_frame({.region = called, .edges = edges, .present = std::span(present)});
    add(region.start, frame, true);
    run();
  }
}

const State* Automaton::finish() {
  run();
  if (!is_exhausted_) enter_calls();
  work_.fetch_add(seen_count_ + 1, std::memory_order_relaxed);
  if (is_exhausted_) return dead_;
  return intern_state(items_, is_accepting_);
}

// --- keeping what was made

/// Items at one position that differ in nothing but touching counts become one.
void Automaton::merge_counts(std::vector<Item>& items) {
  const auto counts = [this](const Item& item) {
    return item.frame != nullptr &&
           program_->regions[item.frame->region].kind == Region::Kind::counted;
  };
  bool has_merged = false;
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    while (end < items.size() && items[end].position == items[begin].position) ++end;
    const auto middle = std::partition(items.begin() + begin, items.begin() + end, counts);
    std::sort(items.begin() + begin, middle, [](const Item& a, const Item& b) {
      const Frame &x = *a.frame, &y = *b.frame;
      if (x.region != y.region) return x.region < y.region;
      if (x.edges_hash != y.edges_hash) return x.edges_hash < y.edges_hash;
      return x.low < y.low;
    });
    for (auto at = items.begin() + begin; at != middle && at + 1 != middle; ++at) {
      const Frame &x = *at->frame, &y = *(at + 1)->frame;
      const bool joins = x.region == y.region && y.low <= x.high + 1 && equal(x.edges, y.edges);
      if (!joins) continue;
      (at + 1)->frame = intern_frame({.region = x.region,
                                      .low = x.low,
                                      .high = std::max(x.high, y.high),
                                      .edges = x.edges,
                                      .present = {}});
      at->position = -1;
      has_merged = true;
    }
  }
  if (has_merged) std::erase_if(items, [](const Item& item) { return item.position < 0; });
  std::sort(items.begin(), items.end());
}

const State* Automaton::intern_state(std::vector<Item>& items, bool is_accepting) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  if (items.size() > 1) merge_counts(items);
  const std::uint64_t hash = mix(hash_items(items), is_accepting ? 1 : 0);
  const auto [first, last] = states_.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    const State& known = *at->second;
    if (known.is_accepting == is_accepting && equal(known.items, std::span<const Item>(items))) {
      return &known;
    }
  }
  auto* state = new (arena_.allocate(sizeof(State))) State;
  state->items = arena_.copy(std::span<const Item>(items));
  state->is_accepting = is_accepting;
  state->hash = hash;
  for (const Item& item : items) {
    const Position& position = program_->positions[item.position];
    if (position.op != Op::bytes) {
      state->has_token_items = true;
      continue;
    }
    for (std::int32_t i = 0; i < position.b; ++i) {
      const ByteEdge& edge = program_->edges[position.a + i];
      for (int byte = edge.low; byte <= edge.high; ++byte) {
        state->live[byte >> 6] |= std::uint64_t{1} << (byte & 63);
      }
    }
  }
  for (std::size_t word = 0; word < state->live.size(); ++word) {
    state->live_before[word] = static_cast<std::uint8_t>(state->live_count);
    state->live_count += std::popcount(state->live[word]);
  }
  add_bytes(sizeof(State) + state->items.size_bytes() + 64);
  states_.emplace(hash, state);
  return state;
}

const Frame* Automaton::intern_frame(Frame frame) {
  frame.edges_hash = hash_items(frame.edges);
  std::uint64_t hash = mix(frame.edges_hash, static_cast<std::uint64_t>(frame.region));
  hash = mix(hash, std::uint64_t{frame.low} << 32 | frame.high);
  for (const std::uint64_t word : frame.present) hash = mix(hash, word);
  const auto [first, last] = frames_.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    const Frame& known = *at->second;
    if (known.region == frame.region && known.low == frame.low && known.high == frame.high &&
        equal(known.edges, frame.edges) && equal(known.present, frame.present)) {
      return &known;
    }
  }
  auto* made = new (arena_.allocate(sizeof(Frame))) Frame;
  made->region = frame.region;
  made->low = frame.low;
  made->high = frame.high;
  made->edges = arena_.copy(frame.edges);
  made->present = arena_.copy(frame.present);
  made->edges_hash = frame.edges_hash;
  made->hash = hash;
  add_bytes(sizeof(Frame) + made->edges.size_bytes() + made->present.size_bytes() + 64);
  frames_.emplace(hash, made);
  return made;
}

}  // namespace llm::grammar
