// A model without weights for tests of the engine: its "keys" are the token ids themselves, kept in
// the pages of the cache, and its logits are a hash of the whole history as read back through the
// page table. A page that is shared wrongly, lost, or overwritten changes the text. Adapters change
// the "keys" of the tokens that they count for.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "compute/reference.h"
#include "model/model.h"

namespace llm::test {

class FakePool final : public compute::KvPool {
 public:
  FakePool(compute::KvLayout layout, int pages)
      : layout_(std::move(layout)), pages_(pages, std::vector<TokenId>(compute::kPageTokens, -1)) {}

  const compute::KvLayout& layout() const override { return layout_; }
  int page_count() const override { return static_cast<int>(pages_.size()); }
  void read_page(compute::PageId page, std::byte* to) const override {
    std::memcpy(to, at(page).data(), compute::kPageTokens * sizeof(TokenId));
  }
  void write_page(compute::PageId page, const std::byte* from) override {
    std::memcpy(at(page).data(), from, compute::kPageTokens * sizeof(TokenId));
  }

  std::vector<TokenId>& at(compute::PageId page) { return pages_[static_cast<std::size_t>(page)]; }
  const std::vector<TokenId>& at(compute::PageId page) const {
    return pages_[static_cast<std::size_t>(page)];
  }

 private:
  compute::KvLayout layout_;
  std::vector<std::vector<TokenId>> pages_;
};

class FakeModel final : public Model {
 public:
  FakeModel(int vocab, int context) {
    info_.vocab = vocab;
    info_.context_train = context;
    info_.width = 2;
    info_.embedding_width = 2;
  }
  void make_encoder() { info_.is_causal = info_.has_logits = false; }

  compute::KvLayout kv_layout(quant::Type, quant::Type) const override {
    // One head of one f32 dimension: a page is as large as the ids of its tokens.
    return {.layers = {{.kv_heads = 1, .key_dim = 1, .value_dim = 0}},
            .key_type = quant::Type::f32,
            .value_type = quant::Type::f32};
  }

  /// Any file of keys is an adapter; what it does depends on its task name.
  std::shared_ptr<const Adapter> load_adapter(const std::string& path) const override {
    const auto device = compute::make_reference_device();
    return std::make_shared<const Adapter>(path, "fake", std::vector<NamedWeight>{},
                                           compute::Weight{}, *device);
  }

  /// The "key" of a token at a position.
  static TokenId key(TokenId token, int position, std::span<const AdapterUse> adapters) {
    std::uint32_t hash = 0;
    for (const AdapterUse& use : adapters) {
      if (position < use.first_position) continue;
      for (const char c : use.adapter->info().task_name)
        hash = hash * 31 + static_cast<unsigned>(c);
      hash = hash * 31 + static_cast<std::uint32_t>(static_cast<int>(use.scale * 1000));
    }
    return token + static_cast<TokenId>(hash % 1000000 * 512);
  }

  compute::Tensor forward(std::span<const BatchSequence> batch, compute::KvPool& pool) override {
    auto& pages = static_cast<FakePool&>(pool);
    std::size_t tokens = 0;
    logits_.clear();
    for (const BatchSequence& sequence : batch) {
      store(sequence, pages);
      tokens += sequence.tokens.size();
      if (sequence.outputs == Outputs::last) append_logits(sequence, pages);
    }
    computed_ += tokens;
    ++steps_;
    if (ms_per_step > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms_per_step));
    if (fails) throw std::runtime_error("device lost");
    const auto vocab = static_cast<std::int64_t>(info_.vocab);
    return {logits_.data(), static_cast<std::int64_t>(logits_.size()) / vocab, vocab};
  }

  /// The vector of a token is its id, and a number that depends on what came before it.
  compute::Tensor embed(std::span<const BatchSequence> batch, compute::KvPool& pool) override {
    auto& pages = static_cast<FakePool&>(pool);
    std::size_t tokens = 0;
    logits_.clear();
    for (const BatchSequence& sequence : batch) {
      store(sequence, pages);
      tokens += sequence.tokens.size();
      if (sequence.outputs == Outputs::none) continue;
      const int count = static_cast<int>(sequence.tokens.size());
      for (int i = sequence.outputs == Outputs::last ? count - 1 : 0; i < count; ++i) {
        const auto history = history_of(sequence, pages, sequence.first_position + i + 1);
        logits_.push_back(static_cast<float>(history.back()));
        logits_.push_back(static_cast<float>(next(history)));
      }
    }
    computed_ += tokens;
    ++steps_;
    most_inputs_ = std::max(most_inputs_.load(), batch.size());
    if (ms_per_step > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms_per_step));
    if (fails) throw std::runtime_error("device lost");
    return {logits_.data(), static_cast<std::int64_t>(logits_.size()) / 2, 2};
  }

  compute::Tensor finish(std::span<const float> pooled, Pooling) override {
    finished_.assign(pooled.begin(), pooled.end());
    return {finished_.data(), static_cast<std::int64_t>(finished_.size()) / 2, 2};
  }

  /// What greedy decoding of this model says after `history`.
  TokenId next(std::span<const TokenId> history) const {
    std::uint64_t hash = 1469598103934665603u;
    for (const TokenId token : history)
      hash = (hash ^ static_cast<std::uint64_t>(token)) * 1099511628211u;
    return static_cast<TokenId>(hash >> 33) % info_.vocab;
  }

  std::size_t computed() const { return computed_; }
  std::size_t steps() const { return steps_; }
  std::size_t most_inputs() const { return most_inputs_; }  // of one call of embed()

  int ms_per_step = 0;
  bool fails = false;

 private:
  void store(const BatchSequence& sequence, FakePool& pages) {
    for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
      const int position = sequence.first_position + static_cast<int>(i);
      pages.at(sequence.pages[position / compute::kPageTokens])[position % compute::kPageTokens] =
          key(sequence.tokens[i], position, sequence.adapters);
    }
  }

  static std::vector<TokenId> history_of(const BatchSequence& sequence, const FakePool& pages,
                                         int length) {
    std::vector<TokenId> history;
    for (int p = 0; p < length; ++p) {
      history.push_back(
          pages.at(sequence.pages[p / compute::kPageTokens])[p % compute::kPageTokens]);
    }
    return history;
  }

  void append_logits(const BatchSequence& sequence, const FakePool& pages) {
    const int length = sequence.first_position + static_cast<int>(sequence.tokens.size());
    const std::vector<TokenId> history = history_of(sequence, pages, length);
    const std::size_t begin = logits_.size();
    logits_.resize(begin + info_.vocab, 0.0f);
    logits_[begin + next(history)] = 10.0f;
  }

  std::vector<float> logits_, finished_;
  std::atomic<std::size_t> computed_{0}, steps_{0}, most_inputs_{0};
};

}  // namespace llm::test
