#include "engine/prefix_cache.h"

#include <algorithm>
#include <cassert>

namespace llm {

struct PrefixCache::Node {
  Node* parent = nullptr;
  std::vector<TokenId> tokens;
  PageContext context;
  compute::PageId page{};
  std::uint64_t last_used = 0;
  std::vector<std::unique_ptr<Node>> children;

  bool is_root() const { return parent == nullptr; }
  bool is_full() const { return tokens.size() == compute::kPageTokens; }
};

namespace {

std::size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  const auto [end, unused] =
      std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin());
  return end - a.begin();
}

bool is_same(const PageContext& a, const PageContext& b) {
  return a == b || (a && b && *a == *b);
}

}  // namespace

PrefixCache::PrefixCache(PageLedger& ledger) : ledger_(ledger), root_(std::make_unique<Node>()) {}
PrefixCache::~PrefixCache() = default;

compute::PageId PrefixCache::page_of(const Node& node) {
  return node.page;
}

void PrefixCache::touch(Node* node) {
  for (++clock_; !node->is_root(); node = node->parent) {
    const bool is_leaf = node->children.empty();
    if (is_leaf) leaves_.erase({node->last_used, node});
    node->last_used = clock_;
    if (is_leaf) leaves_.insert({clock_, node});
  }
}

PrefixCache::Node* PrefixCache::find_full(Node* at, std::span<const TokenId> block,
                                          const PageContext& context) {
  assert(block.size() == compute::kPageTokens);
  for (const auto& child : at->children) {
    if (child->is_full() && common_prefix(child->tokens, block) == block.size() &&
        is_same(child->context, context)) {
      touch(child.get());
      return child.get();
    }
  }
  return nullptr;
}

std::optional<PrefixCache::Partial> PrefixCache::find_partial(Node* at,
                                                              std::span<const TokenId> tokens,
                                                              const PageContext& context) {
  Node* best = nullptr;
  std::size_t best_length = 0;
  for (const auto& child : at->children) {
    const std::size_t length = common_prefix(child->tokens, tokens);
    if (length > best_length && is_same(child->context, context))
      best = child.get(), best_length = length;
  }
  if (!best) return std::nullopt;
  touch(best);
  return Partial{best->page, static_cast<int>(best_length)};
}

PrefixCache::Node* PrefixCache::insert(Node* at, std::span<const TokenId> tokens,
                                       compute::PageId page, const PageContext& context) {
  assert(at->is_root() || at->is_full());
  assert(!tokens.empty() && tokens.size() <= compute::kPageTokens);
  Node* shorter = nullptr;  // a leaf that the new page makes superfluous
  for (const auto& child : at->children) {
    if (!is_same(child->context, context)) continue;
    const std::size_t length = common_prefix(child->tokens, tokens);
    const bool covers = length == tokens.size();
    if (covers && (child->is_full() || tokens.size() < compute::kPageTokens)) {
      touch(child.get());
      return child.get();
    }
    if (length == child->tokens.size() && !child->is_full()) shorter = child.get();
  }
  if (shorter) remove(shorter);
  if (!at->is_root() && at->children.empty()) leaves_.erase({at->last_used, at});
  auto node = std::make_unique<Node>();
  node->parent = at;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->context = context;
  node->page = page;
  ledger_.add_reference(page);
  Node* added = node.get();
  at->children.push_back(std::move(node));
  ++node_count_;
  touch(added);
  return added;
}

void PrefixCache::remove(Node* leaf) {
  assert(leaf->children.empty());
  leaves_.erase({leaf->last_used, leaf});
  ledger_.release(leaf->page);
  Node* parent = leaf->parent;
  std::erase_if(parent->children, [leaf](const auto& child) { return child.get() == leaf; });
  if (!parent->is_root() && parent->children.empty()) leaves_.insert({parent->last_used, parent});
  --node_count_;
}

bool PrefixCache::evict_one() {
  for (const auto& [unused, leaf] : leaves_) {
    if (ledger_.references(leaf->page) == 1) {
      remove(leaf);
      return true;
    }
  }
  return false;
}

int PrefixCache::evictable_count() const {
  // A page in use keeps its whole path in use, so unused nodes are exactly those that repeated
  // evict_one() would reach.
  int count = 0;
  std::vector<const Node*> stack{root_.get()};
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!node->is_root() && ledger_.references(node->page) == 1) ++count;
    for (const auto& child : node->children) stack.push_back(child.get());
  }
  return count;
}

}  // namespace llm
