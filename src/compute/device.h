// The operations that models are made of, coarse enough that a device fuses inside them.
// Model code calls them eagerly on one thread; the device uses as many threads as it owns.
// Every operation has a plain twin in compute/reference.h, and tests/compute runs one suite over
// every device against it.
//
// Determinism: the result for a token depends on that token's sequence only, never on which other
// tokens are in the batch, on the batch's size or on the number of threads. All sums run in a fixed
// order, so greedy text is the same alone and beside other requests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/token.h"
#include "compute/kv_pool.h"
#include "compute/tensor.h"

namespace llm::compute {

/// A product of low rank that joins another one (LoRA, arXiv:2106.09685):
/// out[t] += scales[t] * factor * b (a x[t]). A token whose scale is 0 is left as it is, to the
/// bit. Several join one by one, in their order.
struct LowRank {
  Weight a, b;  // [rank, cols], [rows, rank]; of experts: stacks of these
  float factor = 1;
  std::span<const float> scales;  // [x.rows]
};

/// One product of a group that shares its input: out[t, r] = sum_c weight[r, c] x[t, c] (+
/// bias[r]).
struct Linear {
  const Weight* weight;
  const float* bias = nullptr;  // [weight->rows] or null
  Tensor out;                   // [x.rows, weight->rows]
  std::span<const LowRank> low_rank = {};
};

/// Rotary embedding (arXiv:2104.09864). Angles of all pairs are computed once per step.
struct Rope {
  enum class Pairing { adjacent, halves };  // (2i, 2i+1) "NORM", or (i, i + rotated/2) "NEOX"
  Pairing pairing = Pairing::adjacent;
  int rotated = 0;  // dimensions that rotate, even; the rest of a head passes through
  float base = 10000.0f;
  float freq_scale = 1.0f;              // 1 / factor
  const float* freq_factors = nullptr;  // [rotated / 2], divides the frequencies; null: all 1
  float magnitude = 1.0f;               // multiplies cos and sin (YaRN)
  float ext_factor = 0.0f;              // YaRN mix, 0: off
  float beta_fast = 32.0f, beta_slow = 1.0f;
  int original_context = 0;  // YaRN's n_ctx_orig

  friend bool operator==(const Rope&, const Rope&) = default;
};

/// Where the tokens of one sequence sit in a batch, and where its keys and values are.
struct SequenceSlice {
  int first_token;  // index into the batch's tokens
  int token_count;
  int first_position;  // of its first token in this batch
  std::span<const PageId>
      pages;  // its page table: page i holds positions [i * size, (i + 1) * size)
};

/// Positions [from, from + count) of one page table that are to be at [to, to + count) of another.
struct KvMove {
  std::span<const PageId> from_pages;
  int from = 0;
  std::span<const PageId> to_pages;
  int to = 0;
  int count = 0;
};

struct AttentionShape {
  int heads, kv_heads, head_dim;  // head_dim of keys
  int value_dim;                  // head_dim of values
  float scale;                    // multiplies q . k
  float softcap = 0;              // c > 0: c * tanh(score / c) before the mask
  int window = 0;                 // > 0: a query sees the last `window` positions, itself included
  const float* sinks = nullptr;   // [heads] or null: a logit per head that joins the denominator
  /// false: a query sees its whole sequence, whose tokens are all in the batch; with a window, the
  /// positions that are at most window / 2 away.
  bool causal = true;
  /// [heads, 2 * bias_reach] or null: element bias_reach + key position - query position joins the
  /// scaled score (ALiBi, arXiv:2108.12409; T5's relative positions, arXiv:1910.10683). bias_reach
  /// is a multiple of kPageTokens and above every position.
  const float* position_bias = nullptr;
  int bias_reach = 0;
};

enum class Activation {
  silu,
  gelu,  // tanh form
  gelu_erf,
  relu,
  relu_squared,
  swiglu_oai  // min(gate, 7) * sigmoid(1.702 min(gate, 7)) * (clamp(up, -7, 7) + 1); needs a gate
};

struct MoeShape {
  int experts, used;
  enum class Gating { softmax, sigmoid, softmax_after_top_k } gating = Gating::softmax;
  bool normalize_weights = true;  // divide the chosen weights by their sum
  float weights_scale = 0;        // 0 and 1: none
  // With more than one group of consecutive experts, only those of the best groups are chosen; a
  // group scores the sum of its two best.
  int groups = 1, groups_used = 1;
  Activation activation = Activation::silu;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string description()
      const = 0;  // for logs and /props: "CPU (AVX-512 VNNI, 2 threads)"

  /// Memory for one step; valid until reset(). Contents are undefined.
  virtual Tensor allocate(std::int64_t rows, std::int64_t cols) = 0;
  virtual void reset() = 0;
  /// What follows, on this thread, is a step of that many tokens.
  virtual void begin_step(std::int64_t tokens) { static_cast<void>(tokens); }
  /// What was allocated after mark() is given back by rewind(): scratch of one layer.
  struct Mark {
    std::size_t block = 0, offset = 0;
  };
  virtual Mark mark() const = 0;
  virtual void rewind(Mark mark) = 0;

  // Layers of a model are counted from 0. A device that is several (compute/split_device.h) goes by
  // them.
  static constexpr int kEverywhere = -1;                           // what any layer may use
  static constexpr int kOutput = std::numeric_limits<int>::max();  // behind the last layer

  /// Called for every weight at load, before products of that layer ask for it; may set
  /// weight.packed. Never changes the values. What was prepared at the same address before is
  /// forgotten. Any thread, also while another one computes.
  virtual void prepare(Weight& weight, int layer) = 0;
  /// The same for every other array that operations are given as a plain pointer: norms, biases,
  /// factors, sinks. Operations may then be given any address inside.
  virtual void keep(std::span<const float> values, int layer) {
    static_cast<void>(values);
    static_cast<void>(layer);
  }
  /// The operations that follow are those of that layer. Returns x as it is there; x may be empty.
  virtual Tensor enter_layer(int layer, Tensor x) {
    static_cast<void>(layer);
    return x;
  }

  // Tensors may lie in memory that only the device can read.
  /// x when the host can read it, or a copy; valid until the next reset().
  virtual Tensor to_host(Tensor x) { return x; }
  /// out = values; out has as many.
  virtual void from_host(std::span<const float> values, Tensor out) {
    std::copy(values.begin(), values.end(), out.data);
  }

  virtual std::unique_ptr<KvPool> make_kv_pool(const KvLayout& layout, int page_count) = 0;

  /// out[t] = table.row(tokens[t]) * scale. Low rank joins before the scale; its `a` is a table as
  /// well, [vocabulary, rank]: scales[t] * factor * b a.row(tokens[t]).
  virtual void embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out,
                     std::span<const LowRank> low_rank) = 0;
  void embed(const Weight& table, std::span<const TokenId> tokens, float scale, Tensor out) {
    embed(table, tokens, scale, out, {});
  }

  /// out = x / sqrt(mean(x^2) + eps) * weight, per row; weight [cols] or null. out may be x.
  virtual void rms_norm(Tensor x, const float* weight, float eps, Tensor out) = 0;

  /// x += y, then rms_norm of x: the seam between two sub-layers in one pass.
  virtual void add_rms_norm(Tensor x, Tensor y, const float* weight, float eps, Tensor out) = 0;

  /// out = (x - mean) / sqrt(var + eps) * weight + bias, per row; weight, bias [cols] or null. out
  /// may be x.
  virtual void layer_norm(Tensor x, const float* weight, const float* bias, float eps,
                          Tensor out) = 0;

  /// All products of one input; x is quantised once. No out may overlap x.
  virtual void linear(Tensor x, std::span<const Linear> products) = 0;

  /// x [tokens, heads * head_dim] in place; positions [tokens].
  virtual void rope(Tensor x, int head_dim, std::span<const std::int32_t> positions,
                    const Rope& rope) = 0;

  /// Writes keys and values of the batch's tokens into the pages of their sequences.
  virtual void store_kv(KvPool& pool, int layer, Tensor k, Tensor v,
                        std::span<const SequenceSlice> sequences) = 0;

  /// Copies keys and values to other positions, move after move, each in ascending order: a move
  /// may go down within the same pages. Keys turn by as many positions of `rope` as they move;
  /// null: they know no position. Values, and keys that do not turn, keep every bit; others are
  /// rounded to the cache's type again. Tensors of the step are not touched.
  virtual void move_kv(KvPool& pool, int layer, const Rope* rope,
                       std::span<const KvMove> moves) = 0;

  /// Attention of the batch's queries over the paged cache of their sequences (their own tokens
  /// already stored). q [tokens, heads * head_dim] -> out [tokens, heads * value_dim].
  /// Online softmax (arXiv:2205.14135); the score matrix never exists.
  virtual void attention(KvPool& pool, int layer, Tensor q, const AttentionShape& shape,
                         std::span<const SequenceSlice> sequences, Tensor out) = 0;

  /// out = down(act(gate x) * (up x)), or down(act(up x)) without a gate (null).
  /// x [tokens, width] -> out [tokens, width]; biases null or set.
  struct GatedFfn {
    const Weight *gate, *up, *down;
    const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
    Activation activation = Activation::silu;
    std::span<const LowRank> gate_low_rank = {}, up_low_rank = {}, down_low_rank = {};
  };
  virtual void gated_ffn(Tensor x, const GatedFfn& ffn, Tensor out) = 0;

  /// Mixture of experts; router logits [tokens, experts] come in, tokens are grouped by expert.
  struct MoeFfn {
    const Weight *gate, *up, *down;         // stacks, count = experts; gate may be null
    const float* selection_bias = nullptr;  // [experts], joins the choice, not the weights
    const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;  // [experts, rows]
    MoeShape shape;
    std::span<const LowRank> gate_low_rank = {}, up_low_rank = {}, down_low_rank = {};
  };
  virtual void moe_ffn(Tensor x, Tensor router_logits, const MoeFfn& moe, Tensor out) = 0;

  /// x = act(x).
  virtual void activate(Tensor x, Activation activation) = 0;
  /// x += y.
  virtual void add(Tensor x, Tensor y) = 0;
  /// x[t] += values, [x.cols].
  virtual void add_to_rows(Tensor x, std::span<const float> values) = 0;
  /// x *= factor.
  virtual void scale(Tensor x, float factor) = 0;
  /// x[t] *= factors[t].
  virtual void scale_rows(Tensor x, std::span<const float> factors) = 0;
  /// x = c * tanh(x / c).
  virtual void softcap(Tensor x, float c) = 0;
  /// out[i] = x[rows[i]].
  virtual void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) = 0;
};

/// How threads run that compute steps of one kind.
struct CpuTeam {
  std::vector<int> cpus;  // logical CPUs, ascending; empty: all that the process may use
  bool strict = false;    // thread i on the i-th of them alone
  int priority = 0;       // -1 low, 0 as the process, 1 medium, 2 high, 3 realtime
  int poll = 50;          // 0 to 100: how long they look for work before they sleep

  friend bool operator==(const CpuTeam&, const CpuTeam&) = default;
};

/// Where threads are put on machines with several memory nodes.
enum class Numa {
  none,
  distribute,  // on all nodes in turn
  isolate,     // on the node where the program started
  numactl      // on the CPUs that the process was given
};

struct CpuSettings {
  int threads = 0;        // decode; 0: one per physical core that it may use
  int batch_threads = 0;  // prefill; 0: the same
  std::string isa;        // force one of cpu/isa/select.h; empty: the best that runs here
  CpuTeam decode = {}, batch = {};
  Numa numa = Numa::none;
};
/// Throws Error when the settings name CPUs that are not there.
void check(const CpuSettings& settings);
std::unique_ptr<Device> make_cpu_device(const CpuSettings& settings);

}  // namespace llm::compute
