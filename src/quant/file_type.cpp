#include "quant/file_type.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "quant/blocks.h"

namespace llm::quant {
namespace {

using enum Type;

constexpr FileType kFileTypes[] = {
    {"F32", 0, f32},          {"F16", 1, f16},        {"BF16", 32, bf16},
    {"Q8_0", 7, q8_0},        {"Q4_0", 2, q4_0},      {"Q4_1", 3, q4_1},
    {"Q5_0", 8, q5_0},        {"Q5_1", 9, q5_1},      {"Q2_K", 10, q2_k},
    {"Q2_K_S", 21, q2_k},     {"Q3_K_S", 11, q3_k},   {"Q3_K_M", 12, q3_k},
    {"Q3_K_L", 13, q3_k},     {"Q4_K_S", 14, q4_k},   {"Q4_K_M", 15, q4_k},
    {"Q5_K_S", 16, q5_k},     {"Q5_K_M", 17, q5_k},   {"Q6_K", 18, q6_k},
    {"IQ4_NL", 25, iq4_nl},   {"IQ4_XS", 30, iq4_xs}, {"IQ3_XXS", 23, iq3_xxs},
    {"IQ3_XS", 22, iq3_s},    {"IQ3_S", 26, iq3_s},   {"IQ3_M", 27, iq3_s},
    {"IQ2_XXS", 19, iq2_xxs}, {"IQ2_XS", 20, iq2_xs}, {"IQ2_S", 28, iq2_xs},
    {"IQ2_M", 29, iq2_s},     {"IQ1_S", 24, iq1_s},   {"IQ1_M", 31, iq1_m},
    {"TQ1_0", 36, tq1_0},     {"TQ2_0", 37, tq2_0},   {"MXFP4_MOE", 38, mxfp4},
    {"NVFP4", 39, nvfp4},     {"Q1_0", 40, q1_0},     {"Q2_0", 41, q2_0},
};

struct Alias {
  std::string_view name, means;
};
constexpr Alias kAliases[] = {
    {"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}, {"MXFP4", "MXFP4_MOE"}};

/// What a tensor does in a model, as far as mixes distinguish it.
enum class Role {
  embedding,
  output,
  attn_q,
  attn_k,
  attn_v,
  attn_qkv,
  attn_output,
  up,
  gate,
  down,
  other
};

/// Where a rule holds.
enum class When {
  always,
  shared_kv,  // at least four query heads to a kv head
  eight_experts,
  first_2,  // layers
  first_4,
  first_16th,
  first_8th,
  middle,     // without the first and the last eighth
  more_bits,  // the first and the last eighth, and every third layer between
};

struct Rule {
  std::string_view file_type;
  Role role;
  When when;
  Type type;
};

/// The first rule that holds wins; without one the base type stays.
constexpr Rule kRules[] = {
    {"Q2_K", Role::attn_v, When::eight_experts, q8_0},
    {"Q2_K", Role::attn_v, When::shared_kv, q4_k},
    {"Q2_K", Role::attn_v, When::always, q3_k},
    {"Q2_K", Role::attn_output, When::eight_experts, q5_k},
    {"Q2_K", Role::attn_output, When::always, q3_k},
    {"Q2_K", Role::down, When::always, q3_k},
    {"Q2_K_S", Role::attn_v, When::shared_kv, q4_k},
    {"Q2_K_S", Role::down, When::first_8th, q4_k},
    {"Q3_K_S", Role::attn_output, When::eight_experts, q5_k},
    {"Q3_K_M", Role::attn_v, When::eight_experts, q8_0},
    {"Q3_K_M", Role::attn_v, When::first_2, q5_k},
    {"Q3_K_M", Role::attn_v, When::always, q4_k},
    {"Q3_K_M", Role::attn_output, When::eight_experts, q5_k},
    {"Q3_K_M", Role::attn_output, When::always, q4_k},
    {"Q3_K_M", Role::attn_qkv, When::always, q4_k},
    {"Q3_K_M", Role::down, When::first_16th, q5_k},
    {"Q3_K_M", Role::down, When::always, q4_k},
    {"Q3_K_L", Role::attn_v, When::eight_experts, q8_0},
    {"Q3_K_L", Role::attn_v, When::always, q5_k},
    {"Q3_K_L", Role::attn_output, When::always, q5_k},
    {"Q3_K_L", Role::attn_qkv, When::always, q4_k},
    {"Q3_K_L", Role::down, When::always, q5_k},
    {"Q4_K_S", Role::attn_v, When::eight_experts, q8_0},
    {"Q4_K_S", Role::attn_v, When::first_4, q5_k},
    {"Q4_K_S", Role::attn_output, When::eight_experts, q5_k},
    {"Q4_K_S", Role::down, When::first_8th, q5_k},
    {"Q4_K_M", Role::attn_v, When::eight_experts, q8_0},
    {"Q4_K_M", Role::attn_v, When::more_bits, q6_k},
    {"Q4_K_M", Role::attn_output, When::eight_experts, q5_k},
    {"Q4_K_M", Role::attn_qkv, When::always, q5_k},
    {"Q4_K_M", Role::down, When::more_bits, q6_k},
    {"Q5_K_M", Role::attn_v, When::eight_experts, q8_0},
    {"Q5_K_M", Role::attn_v, When::more_bits, q6_k},
    {"Q5_K_M", Role::attn_qkv, When::always, q6_k},
    {"Q5_K_M", Role::down, When::more_bits, q6_k},
    {"IQ4_NL", Role::attn_v, When::eight_experts, q8_0},
    {"IQ4_NL", Role::attn_v, When::shared_kv, q5_k},
    {"IQ4_NL", Role::attn_output, When::eight_experts, q5_k},
    {"IQ4_NL", Role::down, When::first_8th, q5_k},
    {"IQ4_XS", Role::attn_v, When::eight_experts, q8_0},
    {"IQ4_XS", Role::attn_v, When::shared_kv, q5_k},
    {"IQ4_XS", Role::attn_output, When::eight_experts, q5_k},
    {"IQ4_XS", Role::down, When::first_8th, q5_k},
    {"IQ3_XXS", Role::output, When::always, q5_k},
    {"IQ3_XXS", Role::embedding, When::always, iq3_s},
    {"IQ3_XXS", Role::attn_v, When::shared_kv, q4_k},
    {"IQ3_XXS", Role::attn_k, When::always, iq2_s},
    {"IQ3_XXS", Role::attn_q, When::always, iq2_s},
    {"IQ3_XXS", Role::attn_output, When::always, iq3_s},
    {"IQ3_XS", Role::attn_v, When::shared_kv, q4_k},
    {"IQ3_XS", Role::attn_k, When::always, iq3_xxs},
    {"IQ3_XS", Role::attn_q, When::always, iq3_xxs},
    {"IQ3_XS", Role::gate, When::middle, iq3_xxs},
    {"IQ3_XS", Role::up, When::middle, iq3_xxs},
    {"IQ3_S", Role::attn_v, When::shared_kv, q4_k},
    {"IQ3_M", Role::attn_v, When::always, q4_k},
    {"IQ3_M", Role::attn_output, When::always, q4_k},
    {"IQ3_M", Role::attn_qkv, When::always, q4_k},
    {"IQ3_M", Role::down, When::first_8th, q4_k},
    {"IQ2_XXS", Role::output, When::always, q5_k},
    {"IQ2_XXS", Role::embedding, When::always, q2_k},
    {"IQ2_XXS", Role::attn_v, When::shared_kv, q4_k},
    {"IQ2_XXS", Role::attn_v, When::always, q2_k},
    {"IQ2_XXS", Role::down, When::first_8th, q2_k},
    {"IQ2_XS", Role::output, When::always, q5_k},
    {"IQ2_XS", Role::embedding, When::always, q2_k},
    {"IQ2_XS", Role::attn_v, When::shared_kv, q4_k},
    {"IQ2_XS", Role::attn_v, When::always, q2_k},
    {"IQ2_XS", Role::down, When::first_8th, q2_k},
    {"IQ2_S", Role::output, When::always, q5_k},
    {"IQ2_S", Role::embedding, When::always, iq3_s},
    {"IQ2_S", Role::attn_v, When::shared_kv, q4_k},
    {"IQ2_S", Role::attn_v, When::always, iq3_s},
    {"IQ2_S", Role::attn_output, When::always, iq3_s},
    {"IQ2_S", Role::down, When::first_8th, iq3_s},
    {"IQ2_M", Role::output, When::always, q5_k},
    {"IQ2_M", Role::embedding, When::always, iq3_s},
    {"IQ2_M", Role::attn_v, When::shared_kv, q4_k},
    {"IQ2_M", Role::attn_v, When::always, iq3_s},
    {"IQ2_M", Role::attn_output, When::always, iq3_s},
    {"IQ2_M", Role::down, When::first_8th, iq3_s},
    {"IQ1_S", Role::output, When::always, q5_k},
    {"IQ1_S", Role::embedding, When::always, q2_k},
    {"IQ1_S", Role::attn_v, When::shared_kv, q4_k},
    {"IQ1_S", Role::attn_v, When::always, q2_k},
    {"IQ1_S", Role::attn_output, When::always, iq2_xxs},
    {"IQ1_S", Role::down, When::first_8th, q2_k},
    {"IQ1_M", Role::output, When::always, q5_k},
    {"IQ1_M", Role::embedding, When::always, q2_k},
    {"IQ1_M", Role::attn_v, When::shared_kv, q4_k},
    {"IQ1_M", Role::attn_v, When::always, q2_k},
    {"IQ1_M", Role::attn_output, When::always, iq2_xxs},
    {"IQ1_M", Role::down, When::first_8th, q2_k},
    {"TQ1_0", Role::embedding, When::always, q4_k},
    {"TQ2_0", Role::embedding, When::always, q4_k},
    {"Q2_0", Role::embedding, When::always, q4_k},
    {"NVFP4", Role::output, When::always, f16},
    {"NVFP4", Role::embedding, When::always, f16},
};

/// Parts of names of matrices that are stored as they are.
constexpr std::string_view kKept[] = {"_norm.weight",   "ffn_gate_inp", "position_embd",
                                      "token_types",    "ssm_conv1d",   "shortconv.conv",
                                      "time_mix_",      "channel_mix_", "attn_rel_b",
                                      "altup",          "laurel",       "per_layer_model_proj",
                                      "hc_attn_",       "hc_ffn_",      "output_hc_",
                                      "compressor_ape", "attn_sinks",   "ffn_gate_tid2eid"};

struct NamePart {
  std::string_view part;
  Role role;
};
constexpr NamePart kRoles[] = {
    {"attn_qkv.weight", Role::attn_qkv},
    {"attn_q.weight", Role::attn_q},
    {"attn_k.weight", Role::attn_k},
    {"attn_v.weight", Role::attn_v},
    {"attn_output.weight", Role::attn_output},
    {"ffn_down", Role::down},
    {"ffn_gate", Role::gate},
    {"ffn_up", Role::up},
};

Role role_of(std::string_view tensor, const ModelFacts& model) {
  if (tensor == "output.weight") return Role::output;
  if (tensor == "token_embd.weight") return model.has_output ? Role::embedding : Role::output;
  for (const NamePart& row : kRoles)
    if (tensor.find(row.part) != tensor.npos) return row.role;
  return Role::other;
}

/// N of "blk.N.", 0 for a tensor outside the layers.
int layer_of(std::string_view tensor) {
  constexpr std::string_view kPrefix = "blk.";
  int layer = 0;
  if (tensor.starts_with(kPrefix))
    std::from_chars(tensor.data() + kPrefix.size(), tensor.data() + tensor.size(), layer);
  return layer;
}

bool holds(When when, int layer, const ModelFacts& model) {
  const int n = model.layers;
  switch (when) {
    case When::always:
      return true;
    case When::shared_kv:
      return model.kv_heads > 0 && model.heads / model.kv_heads >= 4;
    case When::eight_experts:
      return model.experts == 8;
    case When::first_2:
      return layer < 2;
    case When::first_4:
      return layer < 4;
    case When::first_16th:
      return layer < n / 16;
    case When::first_8th:
      return layer < n / 8;
    case When::middle:
      return layer >= n / 8 && layer < 7 * n / 8;
    case When::more_bits:
      return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
  }
  return false;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  return std::ranges::equal(a, b, {}, upper, upper);
}

bool is_float(Type type) {
  return type == f32 || type == f16 || type == bf16;
}

}  // namespace

std::span<const FileType> file_types() {
  return kFileTypes;
}

const FileType* find_file_type(std::string_view name) {
  for (const Alias& alias : kAliases)
    if (equal_ignoring_case(name, alias.name)) name = alias.means;
  const auto row = std::ranges::find_if(
      kFileTypes, [&](const FileType& t) { return equal_ignoring_case(t.name, name); });
  return row == std::end(kFileTypes) ? nullptr : &*row;
}

bool is_quantizable(std::string_view tensor, std::span<const std::int64_t> shape) {
  if (shape.size() < 2 || !tensor.ends_with(".weight")) return false;
  return std::ranges::none_of(
      kKept, [&](std::string_view part) { return tensor.find(part) != tensor.npos; });
}

Type mixed_type(const FileType& file, std::string_view tensor, std::span<const std::int64_t> shape,
                const ModelFacts& model) {
  if (is_float(file.base)) return file.base;
  // FP4 is for the stacks of experts; everything else keeps eight bits.
  if (file.base == mxfp4) return shape.size() == 3 ? mxfp4 : q8_0;
  const Role role = role_of(tensor, model);
  const int layer = layer_of(tensor);
  for (const Rule& rule : kRules)
    if (rule.file_type == file.name && rule.role == role && holds(rule.when, layer, model))
      return rule.type;
  if (role == Role::output && file.base != q8_0) return q6_k;
  return file.base;
}

bool needs_importance(Type type) {
  return type == iq2_xxs || type == iq2_xs || type == iq1_s;
}

Type fitting(Type type, std::int64_t cols) {
  const auto fits = [&](Type t) { return cols % traits(t).block_length == 0; };
  if (fits(type)) return type;
  Type other = f16;
  switch (type) {
    case q4_k:
      other = q5_0;
      break;
    case q5_k:
      other = q5_1;
      break;
    case q6_k:
      other = q8_0;
      break;
    case tq1_0:
    case tq2_0:
    case q1_0:
    case q2_0:
    case nvfp4:
      other = q4_0;
      break;
    default:
      if (traits(type).block_length == kSuperBlock) other = iq4_nl;
      break;
  }
  return fits(other) ? other : f16;
}

}  // namespace llm::quant
