#include "model/rope_config.h"

#include <cmath>
#include <limits>
#include <string>

namespace llm {
namespace {

using compute::Rope;

float read_base(const ModelReader& r, std::string_view key, float otherwise) {
  const float base = r.number_or(key, otherwise);
  if (base <= 0) fail("key '{}' is {}; it must be above 0", r.full_key(key), base);
  return base;
}

std::string scaling_type(const ModelReader& r) {
  std::string type = r.options().rope_scaling;
  if (type.empty()) type = r.string_or("rope.scaling.type", "linear");
  if (type != "none" && type != "linear" && type != "yarn" && type != "longrope") {
    fail("rope scaling '{}' is not known; it can be none, linear, yarn or longrope", type);
  }
  return type;
}

float freq_scale(const ModelReader& r, std::string_view type) {
  const LoadOptions& o = r.options();
  if (type == "none") return 1;
  if (o.rope_freq_scale > 0) return o.rope_freq_scale;
  if (o.rope_scale > 0) return 1 / o.rope_scale;
  const float factor = r.number_or("rope.scaling.factor", r.number_or("rope.scale_linear", 0));
  if (factor < 0) fail("key '{}' is {}", r.full_key("rope.scaling.factor"), factor);
  return factor == 0 ? 1 : 1 / factor;
}

/// The multiplier of cos and sin. YaRN's is 0.1 ln(factor) + 1, relative to the same with the
/// file's log multiplier where there is one.
float magnitude(const ModelReader& r, const Rope& rope, float multiplier) {
  const float attn_factor = r.number_or("rope.scaling.attn_factor", 1);
  if (rope.ext_factor == 0) {
    const float user = r.options().yarn_attn_factor;
    return attn_factor * (user >= 0 ? user : 1.0f);
  }
  const float factor = 1 / rope.freq_scale;
  const auto gain = [factor](float m) { return factor <= 1 ? 1 : 0.1f * m * std::log(factor) + 1; };
  return multiplier == 0 ? gain(1) * attn_factor : gain(1) / gain(multiplier) * attn_factor;
}

/// The long and short sets of longrope count wherever a file has them, whatever type it names.
const float* freq_factors(ModelReader& r, const Rope& rope) {
  const int pairs = rope.rotated / 2;
  if (const float* own = r.optional_vector("rope_freqs.weight", pairs)) return own;
  const bool is_long = r.context() > rope.original_context;
  return r.optional_vector(is_long ? "rope_factors_long.weight" : "rope_factors_short.weight",
                           pairs);
}

Rope read(ModelReader& r, Rope::Pairing pairing, bool detailed) {
  const LoadOptions& o = r.options();
  const std::string type = scaling_type(r);
  Rope rope{.pairing = pairing, .rotated = r.hyper().rotated};
  rope.base = o.rope_freq_base > 0 ? o.rope_freq_base : read_base(r, "rope.freq_base", 10000);
  rope.freq_scale = freq_scale(r, type);
  rope.ext_factor = o.yarn_ext_factor >= 0 ? o.yarn_ext_factor : (type == "yarn" ? 1.0f : 0.0f);
  const auto detail = [&](const char* key, float otherwise) {
    return detailed ? r.number_or(key, otherwise) : otherwise;
  };
  rope.beta_fast =
      o.yarn_beta_fast >= 0 ? o.yarn_beta_fast : detail("rope.scaling.yarn_beta_fast", 32.0f);
  rope.beta_slow =
      o.yarn_beta_slow >= 0 ? o.yarn_beta_slow : detail("rope.scaling.yarn_beta_slow", 1.0f);
  rope.original_context = o.yarn_original_context;
  if (rope.original_context <= 0) {
    rope.original_context =
        r.count_or("rope.scaling.original_context_length", r.hyper().context_train, 1, 1 << 30);
  }
  rope.magnitude = magnitude(r, rope, detail("rope.scaling.yarn_log_multiplier", 0));
  rope.freq_factors = freq_factors(r, rope);
  return rope;
}

/// True where pair i of a rope with sections turns with the position of a text token.
bool turns(const std::vector<int>& sections, int pair, bool interleaved) {
  const int all = sections[0] + sections[1] + sections[2] + sections[3];
  const int k = pair % all;
  if (!interleaved) return k < sections[0] + sections[1] + sections[2];
  constexpr int kAxes = 3;
  return k < kAxes * sections[static_cast<std::size_t>(k % kAxes)];
}

}  // namespace

Rope read_rope(ModelReader& r, Rope::Pairing pairing) {
  return read(r, pairing, false);
}

Rope read_detailed_rope(ModelReader& r, Rope::Pairing pairing) {
  return read(r, pairing, true);
}

Rope read_text_mrope(ModelReader& r, bool interleaved) {
  Rope rope = read(r, Rope::Pairing::halves, false);
  const std::vector<int> sections = r.list("rope.dimension_sections", 4);
  int all = 0;
  for (const int section : sections) all += section;
  if (all <= 0) fail("key '{}' has no pairs", r.full_key("rope.dimension_sections"));
  std::vector<float> factors(static_cast<std::size_t>(rope.rotated / 2), 1.0f);
  bool still = false;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (rope.freq_factors != nullptr) factors[i] = rope.freq_factors[i];
    if (turns(sections, static_cast<int>(i), interleaved)) continue;
    factors[i] = std::numeric_limits<float>::infinity();
    still = true;
  }
  if (still) rope.freq_factors = r.own(std::move(factors));
  return rope;
}

Rope read_window_rope(ModelReader& r, Rope::Pairing pairing, float default_base) {
  return {.pairing = pairing,
          .rotated = r.hyper().rotated,
          .base = read_base(r, "rope.freq_base_swa", default_base)};
}

Rope read_window_rope(ModelReader& r, const Rope& main) {
  Rope rope = main;
  rope.base = read_base(r, "rope.freq_base_swa", main.base);
  return rope;
}

Rope unscaled(Rope rope) {
  rope.freq_scale = 1;
  rope.ext_factor = 0;
  rope.magnitude = 1;
  return rope;
}

}  // namespace llm
