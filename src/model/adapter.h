// LoRA adapters (arXiv:2106.09685): pairs of small matrices that change a model's products,
// y = W x + scale * alpha / rank * B (A x), without touching its weights. Every sequence of a batch
// may use adapters of its own (BatchSequence::adapters); model/step.h applies them for all
// families. Model::load_adapter makes one from a GGUF file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/token.h"
#include "compute/device.h"
#include "gguf/reader.h"

namespace llm {

/// A matrix of the base model as it was loaded.
struct NamedWeight {
  std::string name;
  compute::Weight weight;
};

/// What the file says of itself.
struct AdapterInfo {
  std::string path;  // as given
  std::string task_name, prompt_prefix;
  /// Not empty: the adapter counts only from the last place on where a prompt has these tokens
  /// ("activated LoRA", arXiv:2504.12397).
  std::vector<TokenId> invocation_tokens;
  std::int64_t bytes = 0;  // of its tensors
};

/// Immutable; safe to use from every thread. Owns its weights, the file may change or go.
class Adapter {
 public:
  /// Of one changed matrix.
  struct Pair {
    compute::Weight a, b;  // [rank, cols], [rows, rank]; of experts: stacks
    float factor = 1;      // alpha / rank
  };

  /// `matrices` and `embedding` (may be empty) are those of the model that it is made for. Throws
  /// Error that names the file and the tensor or key at fault.
  Adapter(const std::string& path, const std::string& architecture,
          const std::vector<NamedWeight>& matrices, const compute::Weight& embedding,
          compute::Device& device);

  const AdapterInfo& info() const { return info_; }
  /// Never the same for two adapters of this process, even when one has gone.
  std::uint64_t uid() const { return uid_; }

  /// The change of a matrix, or of some of its rows; an empty pair when there is none.
  Pair find(const compute::Weight& base) const;
  /// The change of the embedding; `a` has a row per token. Null when there is none.
  const Pair* embedding() const { return embedding_.a ? &embedding_ : nullptr; }

 private:
  struct Change {
    const std::byte* end;  // of the base's bytes
    Pair pair;
  };
  void read_keys(const std::string& architecture);
  void add(const std::string& base_name, const std::vector<NamedWeight>& matrices,
           const compute::Weight& embedding, compute::Device& device);
  compute::Weight weight(const std::string& name, bool is_stack, compute::Device* device) const;

  gguf::File file_;
  AdapterInfo info_;
  std::uint64_t uid_;
  float alpha_ = 0;
  std::map<const std::byte*, Change> changes_;  // by the first byte of the base matrix
  Pair embedding_;
};

/// An adapter as one sequence uses it.
struct AdapterUse {
  std::shared_ptr<const Adapter> adapter;
  float scale = 1;
  int first_position = 0;  // tokens before it are computed without
};

}  // namespace llm
