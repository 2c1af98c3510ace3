// An engine with a model without weights, whose texts are known beforehand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "engine/byte_tokenizer.h"
#include "engine/collector.h"
#include "engine/fake_model.h"
#include "engine/loop.h"

namespace llm::test {

/// Forces the next `run` tokens, behind each sampled one, of a text that is known beforehand.
class Forcing final : public TokenFilter {
 public:
  Forcing(std::vector<TokenId> text, int run) : text_(std::move(text)), run_(run) {}
  bool allows(TokenId) override { return true; }
  void mask(std::span<float>) override {}
  void accept(TokenId) override { ++taken_; }
  std::vector<TokenId> forced() override {
    const std::size_t end = std::min(text_.size(), taken_ + static_cast<std::size_t>(run_));
    if (taken_ >= end) return {};
    return {text_.begin() + static_cast<std::ptrdiff_t>(taken_),
            text_.begin() + static_cast<std::ptrdiff_t>(end)};
  }

 private:
  std::vector<TokenId> text_;
  int run_;
  std::size_t taken_ = 0;
};

/// A device that does nothing but own cache pages.
inline std::unique_ptr<compute::KvPool> make_pool(const Model& model, int pages) {
  return std::make_unique<FakePool>(model.kv_layout(quant::Type::f32, quant::Type::f32), pages);
}

struct EngineTest : testing::Test {
  std::unique_ptr<Tokenizer> tokenizer = byte_tokenizer();
  FakeModel model{kVocab, 4096};
  EngineSettings settings{.slots = 4, .context = 1024, .micro_batch = 64};
  std::unique_ptr<EngineLoop> engine;

  EngineLoop& start() {
    engine = std::make_unique<EngineLoop>(
        model, *tokenizer, [this](int pages) { return make_pool(model, pages); }, settings);
    return *engine;
  }

  static GenerationRequest request(std::vector<TokenId> prompt, int tokens) {
    GenerationRequest r;
    r.prompt = std::move(prompt);
    r.max_tokens = tokens;
    r.sampling.temperature = 0;
    r.ignore_eos = true;
    return r;
  }

  /// What the model says alone; the end-of-generation token is never chosen, as with ignore_eos.
  std::vector<TokenId> expected(std::vector<TokenId> history, int count) const {
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) {
      TokenId token = model.next(history);
      if (tokenizer->is_end_of_generation(token)) token = 0;  // all others tie at 0: the first wins
      tokens.push_back(token);
      history.push_back(token);
    }
    return tokens;
  }

  /// The same with a full context that is shifted.
  std::vector<TokenId> shifted(std::vector<TokenId> history, int count, int keep,
                               int discard) const {
    const int context = std::min(settings.context, model.info().context_train);
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) {
      tokens.push_back(expected(history, 1).front());
      history.push_back(tokens.back());
      if (static_cast<int>(history.size()) < context) continue;
      const int rest = context - 1 - keep;
      const int gone = std::clamp(discard > 0 ? discard : rest / 2, 1, rest - 1);
      history.erase(history.begin() + keep, history.begin() + keep + gone);
    }
    return tokens;
  }

  static std::vector<TokenId> prompt(int length, int seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(length);
    for (TokenId& token : tokens) token = static_cast<TokenId>(3 + random() % (kVocab - 3));
    return tokens;
  }
};

inline std::vector<TokenId> joined(std::initializer_list<std::vector<TokenId>> parts) {
  std::vector<TokenId> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace llm::test
