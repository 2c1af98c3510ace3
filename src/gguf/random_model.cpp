#include "gguf/random_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "base/error.h"
#include "gguf/random_vocabulary.h"
#include "gguf/writer.h"
#include "quant/file_type.h"
#include "quant/random_blocks.h"

namespace llm::gguf {
namespace {

using quant::Type;

/// In what the families differ.
struct Family {
  std::string_view arch;
  bool qkv_bias;        // biases of the q, k and v projections
  bool qk_norm;         // a norm of each query and key head
  bool sandwich_norms;  // norms after attention and feed-forward too
  bool always_tied;
  bool experts;
  float rope_base;
};

constexpr Family kFamilies[] = {
    {"llama", false, false, false, false, false, 10000},
    {"qwen2", true, false, false, false, false, 1000000},
    {"qwen3", false, true, false, false, false, 1000000},
    {"gemma3", false, true, true, true, false, 1000000},
    {"qwen3moe", false, true, false, false, true, 1000000},
};

constexpr std::size_t kPieceBytes = std::size_t{8} << 20;  // written at once

const Family& family_of(std::string_view arch) {
  for (const Family& family : kFamilies)
    if (family.arch == arch) return family;
  std::string known;
  for (const Family& family : kFamilies) known += fmt::format(" {}", family.arch);
  fail("architecture '{}' is not known here; known are{}", arch, known);
}

/// One tensor to be made.
struct Item {
  TensorPlan plan;
  enum class Kind { matrix, around_one, around_zero, constant } kind = Kind::matrix;
  float deviation = 0;  // of the values; of a constant its value
};

class Builder {
 public:
  explicit Builder(const RandomModel& model);
  void write(const std::string& path, const TensorProgress& progress);

 private:
  void check() const;
  Metadata metadata() const;
  void set_sizes(Metadata& m) const;
  void add_tensors();
  void add_layer(int layer);
  void add_matrix(const std::string& name, std::vector<std::int64_t> shape, float deviation = 1);
  void add_vector(const std::string& name, std::int64_t length, Item::Kind kind);
  void turn_into_adapter();
  void write_item(Writer& writer, const Item& item);
  const quant::RandomBlocks& blocks(Type type, float deviation);

  const RandomModel& m_;
  const Family& family_;
  const quant::FileType* file_type_;
  bool tied_;
  std::vector<Item> items_;
  std::map<std::pair<Type, float>, quant::RandomBlocks> pools_;
  quant::Random random_;
};

Builder::Builder(const RandomModel& model)
    : m_(model),
      family_(family_of(model.arch)),
      file_type_(quant::find_file_type(model.file_type)),
      tied_(model.tied || family_.always_tied),
      random_(model.seed) {
  check();
  add_tensors();
  if (m_.lora_rank > 0) turn_into_adapter();
}

void Builder::check() const {
  if (!file_type_) fail("type '{}' is not known", m_.file_type);
  const auto positive = [](std::string_view what, int value) {
    if (value <= 0) fail("{} is {}, it must be positive", what, value);
  };
  positive("the number of layers", m_.layers);
  positive("the width", m_.width);
  positive("the number of heads", m_.heads);
  positive("the number of kv heads", m_.kv_heads);
  positive("the head dimension", m_.head_dim);
  positive("the feed-forward width", m_.ffn);
  positive("the context", m_.context);
  if (m_.lora_rank < 0 || m_.lora_rank > 4096)
    fail("the rank of an adapter is {}, it must be 1 to 4096", m_.lora_rank);
  if (m_.layers > 512) fail("{} layers, at most 512 are possible", m_.layers);
  if (m_.heads % m_.kv_heads != 0)
    fail("{} heads cannot be shared evenly by {} kv heads", m_.heads, m_.kv_heads);
  if (m_.head_dim % 2 != 0) fail("the head dimension {} must be even", m_.head_dim);
  if (!family_.experts) {
    if (m_.experts != 0) fail("architecture {} has no experts", m_.arch);
    return;
  }
  positive("the number of experts", m_.experts);
  positive("the number of experts used", m_.experts_used);
  positive("the width of an expert", m_.expert_ffn);
  if (m_.experts_used > m_.experts || m_.experts > 512)
    fail("{} of {} experts cannot be used (at most 512 experts)", m_.experts_used, m_.experts);
}

void Builder::set_sizes(Metadata& m) const {
  const auto number = [&](std::string_view key, int value) {
    m.set(fmt::format("{}.{}", m_.arch, key), {static_cast<std::uint32_t>(value)});
  };
  const auto real = [&](std::string_view key, float value) {
    m.set(fmt::format("{}.{}", m_.arch, key), {value});
  };
  number("context_length", m_.context);
  number("embedding_length", m_.width);
  number("block_count", m_.layers);
  number("feed_forward_length", m_.ffn);
  number("attention.head_count", m_.heads);
  number("attention.head_count_kv", m_.kv_heads);
  number("attention.key_length", m_.head_dim);
  number("attention.value_length", m_.head_dim);
  number("rope.dimension_count", m_.head_dim);
  number("vocab_size", m_.vocab);
  real("rope.freq_base", family_.rope_base);
  real("attention.layer_norm_rms_epsilon", 1e-6F);
  if (m_.arch == "gemma3") number("attention.sliding_window", m_.window > 0 ? m_.window : 512);
  if (family_.experts) {
    number("expert_count", m_.experts);
    number("expert_used_count", m_.experts_used);
    number("expert_feed_forward_length", m_.expert_ffn);
  }
}

Metadata Builder::metadata() const {
  Metadata m;
  m.set("general.architecture", {m_.arch});
  if (m_.lora_rank > 0) {
    m.set("general.type", {std::string("adapter")});
    m.set("general.name", {fmt::format("random adapter (seed {})", m_.seed)});
    m.set("adapter.type", {std::string("lora")});
    m.set("adapter.lora.alpha", {2 * static_cast<float>(m_.lora_rank)});
    return m;
  }
  m.set("general.type", {std::string("model")});
  m.set("general.name", {fmt::format("random {} (seed {})", m_.arch, m_.seed)});
  m.set("general.file_type", {file_type_->number});
  m.set("general.quantization_version", {std::uint32_t{2}});
  set_sizes(m);
  RandomVocabulary(m_.vocab, m_.seed).describe(m);
  return m;
}

/// `deviation` is relative to 1 / sqrt(columns), which keeps the scale of what passes through.
void Builder::add_matrix(const std::string& name, std::vector<std::int64_t> shape,
                         float deviation) {
  const quant::ModelFacts facts{.layers = m_.layers,
                                .heads = m_.heads,
                                .kv_heads = m_.kv_heads,
                                .experts = m_.experts,
                                .has_output = !tied_};
  const std::int64_t cols = shape.back();
  const std::string full = name + ".weight";
  const bool kept = !quant::is_quantizable(full, shape);
  const Type wanted = kept ? Type::f32 : quant::mixed_type(*file_type_, full, shape, facts);
  const Type type = quant::fitting(wanted, cols);
  const float spread = deviation / std::sqrt(static_cast<float>(cols));
  const std::int64_t stack = shape.size() == 3 ? shape.front() : 1;
  if (type != Type::nvfp4) {
    items_.push_back({{full, type, std::move(shape)}, Item::Kind::matrix, spread});
    return;
  }
  // The group scales of NVFP4 are too coarse for small values: a tensor-wide factor does that part.
  items_.push_back({{full, type, std::move(shape)}, Item::Kind::matrix, 1});
  items_.push_back({{name + ".scale", Type::f32, {stack}}, Item::Kind::constant, spread});
}

void Builder::add_vector(const std::string& name, std::int64_t length, Item::Kind kind) {
  items_.push_back({{name, Type::f32, {length}}, kind, 0.1F});
}

void Builder::add_layer(int layer) {
  const auto name = [&](std::string_view part) { return fmt::format("blk.{}.{}", layer, part); };
  const auto norm = [&](std::string_view part, int length) {
    add_vector(name(part) + ".weight", length, Item::Kind::around_one);
  };
  const int width = m_.width, q_dim = m_.heads * m_.head_dim, kv_dim = m_.kv_heads * m_.head_dim;
  norm("attn_norm", width);
  add_matrix(name("attn_q"), {q_dim, width}, 1.5F);
  add_matrix(name("attn_k"), {kv_dim, width}, 1.5F);
  add_matrix(name("attn_v"), {kv_dim, width});
  if (family_.qkv_bias) {
    add_vector(name("attn_q.bias"), q_dim, Item::Kind::around_zero);
    add_vector(name("attn_k.bias"), kv_dim, Item::Kind::around_zero);
    add_vector(name("attn_v.bias"), kv_dim, Item::Kind::around_zero);
  }
  if (family_.qk_norm) {
    norm("attn_q_norm", m_.head_dim);
    norm("attn_k_norm", m_.head_dim);
  }
  add_matrix(name("attn_output"), {width, q_dim});
  if (family_.sandwich_norms) norm("post_attention_norm", width);
  norm("ffn_norm", width);
  if (family_.experts) {
    add_matrix(name("ffn_gate_inp"), {m_.experts, width});
    add_matrix(name("ffn_gate_exps"), {m_.experts, m_.expert_ffn, width});
    add_matrix(name("ffn_up_exps"), {m_.experts, m_.expert_ffn, width});
    add_matrix(name("ffn_down_exps"), {m_.experts, width, m_.expert_ffn});
  } else {
    add_matrix(name("ffn_gate"), {m_.ffn, width});
    add_matrix(name("ffn_up"), {m_.ffn, width});
    add_matrix(name("ffn_down"), {width, m_.ffn});
  }
  if (family_.sandwich_norms) norm("post_ffw_norm", width);
}

void Builder::add_tensors() {
  // A tied embedding serves as the output matrix: then its deviation is that of one.
  const float root = std::sqrt(static_cast<float>(m_.width));
  add_matrix("token_embd", {m_.vocab, m_.width}, tied_ ? 1 : root);
  for (int layer = 0; layer < m_.layers; ++layer) add_layer(layer);
  add_vector("output_norm.weight", m_.width, Item::Kind::around_one);
  if (!tied_) add_matrix("output", {m_.vocab, m_.width}, 2);
}

void Builder::turn_into_adapter() {
  std::vector<Item> changes;
  for (const Item& item : items_) {
    const TensorPlan& base = item.plan;
    if (item.kind != Item::Kind::matrix || !base.name.starts_with("blk.")) continue;
    const std::int64_t cols = base.shape.back();
    std::vector<std::int64_t> a = base.shape, b = base.shape;
    a[a.size() - 2] = b.back() = m_.lora_rank;
    // With an alpha of twice the rank the change is about half as large as what it changes.
    const float rank = static_cast<float>(m_.lora_rank), width = static_cast<float>(cols);
    changes.push_back(
        {{base.name + ".lora_a", Type::f16, a}, Item::Kind::matrix, 1 / std::sqrt(width)});
    changes.push_back(
        {{base.name + ".lora_b", Type::f16, b}, Item::Kind::matrix, 0.25F / std::sqrt(rank)});
  }
  items_ = std::move(changes);
}

const quant::RandomBlocks& Builder::blocks(Type type, float deviation) {
  const auto key = std::pair(type, deviation);
  const auto found = pools_.find(key);
  if (found != pools_.end()) return found->second;
  return pools_.emplace(key, quant::RandomBlocks(type, deviation, random_.next())).first->second;
}

void Builder::write_item(Writer& writer, const Item& item) {
  const TensorPlan& plan = item.plan;
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < plan.shape.size(); ++i) rows *= plan.shape[i];
  if (item.kind != Item::Kind::matrix) {
    std::vector<float> values(static_cast<std::size_t>(plan.shape.back()));
    for (float& v : values) {
      const float noise = item.deviation * random_.normal();
      v = item.kind == Item::Kind::constant     ? item.deviation
          : item.kind == Item::Kind::around_one ? 1 + noise
                                                : noise;
    }
    writer.write_tensor(std::as_bytes(std::span(values)));
    return;
  }
  const quant::RandomBlocks& source = blocks(plan.type, item.deviation);
  const std::int64_t row_bytes = quant::row_bytes(plan.type, plan.shape.back());
  const std::int64_t at_once =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kPieceBytes) / row_bytes, 1, rows);
  std::vector<std::byte> piece(static_cast<std::size_t>(at_once * row_bytes));
  for (std::int64_t done = 0; done < rows; done += at_once) {
    const auto bytes = static_cast<std::size_t>(std::min(at_once, rows - done) * row_bytes);
    const std::span part = std::span(piece).first(bytes);
    source.fill(part, random_);
    writer.write_part(part);
  }
}

void Builder::write(const std::string& path, const TensorProgress& progress) {
  std::vector<TensorPlan> plans;
  for (const Item& item : items_) plans.push_back(item.plan);
  Writer writer(path, metadata(), std::move(plans));
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (progress) progress(i, items_.size(), items_[i].plan.name);
    write_item(writer, items_[i]);
  }
  writer.finish();
}

}  // namespace

std::vector<std::string_view> random_model_families() {
  std::vector<std::string_view> names;
  for (const Family& family : kFamilies) names.push_back(family.arch);
  return names;
}

const std::vector<RandomModelPreset>& random_model_presets() {
  static const std::vector<RandomModelPreset> presets = {
      {"tiny", "llama, 2 layers of width 256: for tests", {}},
      {"1.1b",
       "the shape of TinyLlama 1.1B",
       {.arch = "llama",
        .layers = 22,
        .width = 2048,
        .heads = 32,
        .kv_heads = 4,
        .head_dim = 64,
        .ffn = 5632,
        .vocab = 32000,
        .context = 2048}},
      {"0.5b-qwen2",
       "the shape of Qwen2.5 0.5B",
       {.arch = "qwen2",
        .layers = 24,
        .width = 896,
        .heads = 14,
        .kv_heads = 2,
        .head_dim = 64,
        .ffn = 4864,
        .vocab = 151936,
        .context = 32768,
        .tied = true}},
      {"0.6b-qwen3",
       "the shape of Qwen3 0.6B",
       {.arch = "qwen3",
        .layers = 28,
        .width = 1024,
        .heads = 16,
        .kv_heads = 8,
        .head_dim = 128,
        .ffn = 3072,
        .vocab = 151936,
        .context = 40960,
        .tied = true}},
      {"1b-gemma3",
       "the shape of Gemma 3 1B",
       {.arch = "gemma3",
        .layers = 26,
        .width = 1152,
        .heads = 4,
        .kv_heads = 1,
        .head_dim = 256,
        .ffn = 6912,
        .vocab = 262144,
        .context = 32768,
        .window = 512}},
      {"8b",
       "the shape of Llama 3.1 8B",
       {.arch = "llama",
        .layers = 32,
        .width = 4096,
        .heads = 32,
        .kv_heads = 8,
        .head_dim = 128,
        .ffn = 14336,
        .vocab = 128256,
        .context = 131072}},
      {"30b-a3b-cut",
       "Qwen3 30B-A3B with 6 of its 48 layers",
       {.arch = "qwen3moe",
        .layers = 6,
        .width = 2048,
        .heads = 32,
        .kv_heads = 4,
        .head_dim = 128,
        .ffn = 6144,
        .vocab = 151936,
        .experts = 128,
        .experts_used = 8,
        .expert_ffn = 768,
        .context = 40960}},
  };
  return presets;
}

void write_random_model(const RandomModel& model, const std::string& path,
                        const TensorProgress& progress) {
  Builder(model).write(path, progress);
}

}  // namespace llm::gguf
