// A model file as a function: tokens in, logits or vectors out. Families live in model/arch/, one
// file each. The room knows no requests and no users. Start at Model::load.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/token.h"
#include "compute/device.h"
#include "gguf/reader.h"
#include "model/adapter.h"

namespace llm {

/// How the vectors of a sequence's tokens become one: not at all, their average, the first, the
/// last one. rank: a classifier's scores of one of these.
enum class Pooling : std::uint8_t { none, mean, cls, last, rank };

/// What callers ask of a loaded model. Values of the file, after overrides.
struct ModelInfo {
  std::string architecture, name;
  int vocab = 0, width = 0, layers = 0, heads = 0, kv_heads = 0;
  int context_train = 0;        // tokens the model was trained for
  std::int64_t parameters = 0;  // elements of all tensors
  std::int64_t weight_bytes = 0;
  std::string file_type;  // "Q4_K - Medium", "all F32", ...

  /// false: every token sees the whole sequence, which must then come in one batch. Such a model
  /// keeps nothing in its cache between steps and generates no text.
  bool is_causal = true;
  bool has_logits = true;             // there is an output matrix: forward() works
  std::optional<Pooling> pooling;     // what the file says
  Pooling rank_input = Pooling::cls;  // what the classifier reads: cls, mean or last
  int embedding_width = 0;            // of finished vectors, but for rank
};

/// Directions that are added to the residual stream; several files add up.
struct ControlVectors {
  struct File {
    std::string path;
    float strength = 1;
  };
  std::vector<File> files;
  /// Blocks, counted from 0, behind which they count; both are included. 0 and less: 1, the last.
  int first_layer = 0, last_layer = 0;
};

struct LoadOptions {
  /// 0..1 while weights are checked and prepared; return false to give up.
  std::function<bool(float)> progress;
  int context = 0;  // per sequence; 0: context_train (YaRN and longrope look at it)
  // Overrides of the command line; unset: the file's.
  std::string rope_scaling;  // "none", "linear", "yarn"
  float rope_scale = 0, rope_freq_base = 0, rope_freq_scale = 0;
  int yarn_original_context = 0;
  float yarn_ext_factor = -1, yarn_attn_factor = -1, yarn_beta_fast = -1, yarn_beta_slow = -1;
  ControlVectors control_vectors;
};

enum class Outputs : std::uint8_t { none, last, all };  // which tokens of a slice want logits

struct BatchSequence {
  std::span<const TokenId> tokens;
  int first_position = 0;
  std::span<const compute::PageId> pages;  // covers first_position + tokens.size() positions
  Outputs outputs = Outputs::last;
  std::span<const AdapterUse> adapters = {};  // no adapter twice
};

class Model {
 public:
  /// Throws Error that names the architecture, key or tensor at fault. `file` and `device` must
  /// outlive the model.
  static std::unique_ptr<Model> load(const gguf::File& file, compute::Device& device,
                                     const LoadOptions& options = {});
  virtual ~Model() = default;

  const ModelInfo& info() const { return info_; }
  /// Cache geometry for the chosen types.
  virtual compute::KvLayout kv_layout(quant::Type key_type, quant::Type value_type) const = 0;

  /// One step. Returns logits [outputs, vocab], in the order of the batch; valid until the next
  /// call. One thread at a time. Nothing is thrown for valid input; NaN stays NaN.
  virtual compute::Tensor forward(std::span<const BatchSequence> batch, compute::KvPool& pool) = 0;

  /// The same, but returns the vectors behind the last norm [outputs, width].
  virtual compute::Tensor embed(std::span<const BatchSequence> batch, compute::KvPool& pool);
  /// What comes behind the pooling, for any number of pooled vectors [n, width]: the model's dense
  /// layers [n, embedding_width], or the scores of its classifier [n, classes]. Valid until the
  /// next call of anything.
  virtual compute::Tensor finish(std::span<const float> pooled, Pooling pooling);

  /// A LoRA adapter for this model. Throws Error that names the file and what is wrong in it. Any
  /// thread, also while another one computes.
  virtual std::shared_ptr<const Adapter> load_adapter(const std::string& path) const;

 protected:
  ModelInfo info_;
};

}  // namespace llm
