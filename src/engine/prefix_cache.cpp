#include "engine/prefix_cache.h"

#include <algorithm>
#include <cassert>
#include <compare>

namespace llm {

namespace {

std::span<const std::uint64_t> values(const PageContext& context) {
  return context ? std::span<const std::uint64_t>(*context) : std::span<const std::uint64_t>();
}

}  // namespace

/// By this the children of a node are ordered.
struct PrefixCache::Key {
  std::span<const std::uint64_t> context;
  std::span<const TokenId> tokens;
  bool is_moved;

  std::strong_ordering operator<=>(const Key& other) const {
    const auto by_context = std::lexicographical_compare_three_way(
        context.begin(), context.end(), other.context.begin(), other.context.end());
    if (by_context != 0) return by_context;
    const auto order = std::lexicographical_compare_three_way(
        tokens.begin(), tokens.end(), other.tokens.begin(), other.tokens.end());
    return order != 0 ? order : is_moved <=> other.is_moved;
  }
};

struct PrefixCache::Node {
  struct Order {
    using is_transparent = void;
    static Key key(const std::unique_ptr<Node>& node) { return node->key(); }
    static Key key(const Key& key) { return key; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return key(a) < key(b);
    }
  };

  Node* parent = nullptr;
  std::vector<TokenId> tokens;
  PageContext context;
  bool is_moved = false;
  compute::PageId page{};   // when it is in the pool
  PageStore::Bytes stored;  // when it is not
  std::uint64_t last_used = 0;
  int children_in_pool = 0;
  std::set<std::unique_ptr<Node>, Order> children;

  Key key() const { return {values(context), tokens, is_moved}; }
  bool is_root() const { return parent == nullptr; }
  bool is_full() const { return tokens.size() == compute::kPageTokens; }
  bool is_in_pool() const { return stored == nullptr; }
};

namespace {

std::size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  const auto [end, unused] =
      std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin());
  return end - a.begin();
}

bool is_same(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

PrefixCache::PrefixCache(PageLedger& ledger, PageStore& store)
    : ledger_(ledger), store_(store), root_(std::make_unique<Node>()) {}

PrefixCache::~PrefixCache() {
  // Step by step: a long text is a path of many nodes.
  for (Node* at = root_.get();;) {
    if (!at->children.empty()) {
      at = at->children.begin()->get();
    } else if (at->is_root()) {
      return;
    } else {
      at = at->parent;
      at->children.erase(at->children.begin());
    }
  }
}

PrefixCache::Node* PrefixCache::parent_of(const Node& node) {
  return node.parent;
}

compute::PageId PrefixCache::page_of(const Node& node) {
  assert(node.is_in_pool());
  return node.page;
}

bool PrefixCache::is_moved(const Node& node) {
  return node.is_moved;
}

void PrefixCache::list(Node* node) {
  if (node->is_root()) return;
  if (node->is_in_pool()) {
    if (node->children_in_pool == 0) pool_ends_.insert({node->last_used, node});
  } else if (node->children.empty()) {
    stored_ends_.insert({node->last_used, node});
  }
}

void PrefixCache::unlist(Node* node) {
  pool_ends_.erase({node->last_used, node});
  stored_ends_.erase({node->last_used, node});
}

void PrefixCache::touch(Node* node) {
  for (++clock_; !node->is_root(); node = node->parent) {
    unlist(node);
    node->last_used = clock_;
    list(node);
  }
}

PrefixCache::Node* PrefixCache::find(Node* at, const Key& key) const {
  const auto found = at->children.find(key);
  return found == at->children.end() ? nullptr : found->get();
}

PrefixCache::Node* PrefixCache::find_full(Node* at, std::span<const TokenId> block,
                                          const PageContext& context, bool moved_too) {
  assert(block.size() == compute::kPageTokens);
  Node* node = find(at, {values(context), block, false});
  if (!node && moved_too) node = find(at, {values(context), block, true});
  if (!node) return nullptr;
  touch(node);
  if (!node->is_in_pool() && !bring_back(node)) return nullptr;
  return node;
}

std::optional<PrefixCache::Partial> PrefixCache::find_partial(Node* at,
                                                              std::span<const TokenId> tokens,
                                                              const PageContext& context,
                                                              bool moved_too) {
  // The longest common beginning is with a neighbour in the order.
  const auto next = at->children.lower_bound(Key{values(context), tokens, false});
  Partial best{nullptr, 0};
  const auto consider = [&](Node* node) {
    const auto length = static_cast<int>(common_prefix(node->tokens, tokens));
    if (length > best.tokens) best = {node, length};
  };
  const auto consider_first = [&](auto child, auto end) {
    for (; child != end && is_same(values((*child)->context), values(context)); ++child) {
      if (moved_too || !(*child)->is_moved) return consider(child->get());
    }
  };
  consider_first(next, at->children.end());
  consider_first(std::make_reverse_iterator(next), at->children.rend());
  if (!best.node) return std::nullopt;
  touch(best.node);
  return best;
}

void PrefixCache::read(const Node& node, const compute::KvPool& pool, std::byte* to) const {
  if (node.is_in_pool()) {
    pool.read_page(node.page, to);
  } else {
    store_.read(node.stored, to);
  }
}

bool PrefixCache::bring_back(Node* node) {
  assert(node->parent->is_root() || node->parent->is_in_pool());
  kept_ = node;
  if (ledger_.free_count() == 0) evict_one();
  kept_ = nullptr;
  const auto page = ledger_.take();
  if (!page) return false;
  unlist(node);
  store_.restore(std::move(node->stored), *page);
  settle(node, *page);
  return true;
}

/// The node, outside the pool until now, has a page again.
void PrefixCache::settle(Node* node, compute::PageId page) {
  node->page = page;
  ledger_.set_cached(page, true);
  unlist(node->parent);
  ++node->parent->children_in_pool;
  list(node->parent);
  list(node);
}

PrefixCache::Node* PrefixCache::find_covering(Node* at, const Key& key) const {
  for (auto i = at->children.lower_bound(key); i != at->children.end(); ++i) {
    if (!is_same(values((*i)->context), key.context) ||
        common_prefix((*i)->tokens, key.tokens) < key.tokens.size()) {
      return nullptr;
    }
    if ((*i)->is_moved == key.is_moved) return i->get();
  }
  return nullptr;
}

PrefixCache::Node* PrefixCache::insert(Node* at, std::span<const TokenId> tokens,
                                       compute::PageId page, const PageContext& context,
                                       bool is_moved) {
  assert(at->is_root() || (at->is_full() && at->is_in_pool()));
  assert(!tokens.empty() && tokens.size() <= compute::kPageTokens);
  if (Node* node = find_covering(at, {values(context), tokens, is_moved})) {
    touch(node);
    if (node->is_in_pool() || node->tokens.size() > tokens.size()) return node;
    unlist(node);  // it was computed again
    store_.drop(std::move(node->stored));
    ledger_.add_reference(page);
    settle(node, page);
    return node;
  }
  // Leaves that the new page makes superfluous.
  for (std::size_t length = tokens.size() - 1; length > 0; --length) {
    if (Node* shorter = find(at, {values(context), tokens.first(length), is_moved}))
      remove(shorter);
  }
  auto node = std::make_unique<Node>();
  node->parent = at;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->context = context;
  node->is_moved = is_moved;
  node->page = page;
  ledger_.add_reference(page);
  ledger_.set_cached(page, true);
  Node* added = node.get();
  unlist(at);
  at->children.insert(std::move(node));
  ++at->children_in_pool;
  list(at);
  ++node_count_;
  touch(added);
  return added;
}

void PrefixCache::remove(Node* node) {
  assert(node->children_in_pool == 0);
  for (Node* at = node;;) {
    if (!at->children.empty()) {
      at = at->children.begin()->get();
      continue;
    }
    const bool is_last = at == node;
    Node* parent = at->parent;
    remove_leaf(at);
    if (is_last) return;
    at = parent;
  }
}

void PrefixCache::remove_leaf(Node* node) {
  unlist(node);
  Node* parent = node->parent;
  unlist(parent);
  if (node->is_in_pool()) {
    ledger_.set_cached(node->page, false);
    ledger_.release(node->page);
    --parent->children_in_pool;
  } else {
    store_.drop(std::move(node->stored));
  }
  parent->children.erase(parent->children.find(node->key()));
  list(parent);
  --node_count_;
}

bool PrefixCache::take_back(Node* node, bool drop_stored) {
  constexpr int kCallersAndOurs = 2;
  if (node->children_in_pool > 0 || ledger_.references(node->page) != kCallersAndOurs) return false;
  if (!node->children.empty() && !drop_stored) return false;
  remove(node);
  return true;
}

void PrefixCache::forget(std::span<const TokenId> tokens, int kept, const PageContexts& contexts) {
  std::vector<Node*> path;
  for (Node* at = root_.get(); !tokens.empty();) {
    const auto block = tokens.first(std::min<std::size_t>(tokens.size(), compute::kPageTokens));
    const auto context = values(contexts.of(static_cast<int>(path.size())));
    Node* next = find(at, {context, block, false});
    if (!next) next = find(at, {context, block, true});
    if (!next) break;
    path.push_back(at = next);
    tokens = tokens.subspan(block.size());
  }
  for (auto i = static_cast<int>(path.size()); i > 0; --i) {
    Node* node = path[static_cast<std::size_t>(i - 1)];
    const bool is_in_use = node->is_in_pool() && ledger_.references(node->page) > 1;
    const int end = (i - 1) * compute::kPageTokens + static_cast<int>(node->tokens.size());
    if (is_in_use || !node->children.empty() || end <= kept) return;
    remove(node);
  }
}

bool PrefixCache::make_room_in_store() {
  if (!store_.can_keep()) return false;
  while (!store_.has_room(kept_ != nullptr ? 1 : 0)) {
    const auto oldest = std::find_if(stored_ends_.begin(), stored_ends_.end(),
                                     [this](const auto& end) { return end.second != kept_; });
    if (oldest == stored_ends_.end()) return false;
    remove(oldest->second);
  }
  return true;
}

void PrefixCache::put_away(Node* node) {
  // Making room may drop what hangs on this node and list it anew, so it is unlisted afterwards.
  PageStore::Bytes copy = make_room_in_store() ? store_.keep(node->page) : nullptr;
  if (!copy) return remove(node);
  unlist(node);
  ledger_.set_cached(node->page, false);
  ledger_.release(node->page);
  node->stored = std::move(copy);
  unlist(node->parent);
  --node->parent->children_in_pool;
  list(node->parent);
  list(node);
}

bool PrefixCache::evict_one() {
  for (const auto& [unused, node] : pool_ends_) {
    if (ledger_.references(node->page) == 1) {
      put_away(node);
      return true;
    }
  }
  return false;
}

}  // namespace llm
