// Texts of the command line and the environment as values. Every function throws Error with a
// line that begins with the flag (or variable) and says what would be right.
#pragma once

#include <optional>
#include <string_view>

#include "options/table.h"

namespace llm::options {

/// true/1/on/enabled, false/0/off/disabled; nullopt for other texts.
std::optional<bool> bool_word(std::string_view text);

/// Writes `value` where the row says, after checking it.
void apply_value(Pending& pending, const Row& row, std::string_view flag, std::string_view value);
void apply_switch(Pending& pending, const Row& row, std::string_view flag, bool on);

/// \n \r \t \' \" \\ \xHH; other backslashes stay.
std::string resolve_escapes(std::string_view text);

// Values that rows with a destination cannot take; see Apply.
void apply_help(Pending&, std::string_view flag, std::string_view value);
void apply_version(Pending&, std::string_view flag, std::string_view value);
void apply_cache_list(Pending&, std::string_view flag, std::string_view value);
void apply_verbose(Pending&, std::string_view flag, std::string_view value);
void apply_escape(Pending&, std::string_view flag, std::string_view value);
void apply_chat_template(Pending&, std::string_view flag, std::string_view value);
void apply_stop(Pending&, std::string_view flag, std::string_view value);
void apply_log_colors(Pending&, std::string_view flag, std::string_view value);
void apply_sleep_idle(Pending&, std::string_view flag, std::string_view value);
void apply_aliases(Pending&, std::string_view flag, std::string_view value);
void apply_tags(Pending&, std::string_view flag, std::string_view value);
void apply_overrides(Pending&, std::string_view flag, std::string_view value);
void apply_hf_repo(Pending&, std::string_view flag, std::string_view value);
void apply_hf_token(Pending&, std::string_view flag, std::string_view value);
void apply_lora(Pending&, std::string_view flag, std::string_view value);
void apply_lora_scaled(Pending&, std::string_view flag, std::string_view value);
void apply_lora_unapplied(Pending&, std::string_view flag, std::string_view value);
void apply_lora_dir(Pending&, std::string_view flag, std::string_view value);
void apply_control_vectors(Pending&, std::string_view flag, std::string_view value);
void apply_control_vectors_scaled(Pending&, std::string_view flag, std::string_view value);
void apply_control_range(Pending&, std::string_view flag, std::string_view value);
void apply_slots(Pending&, std::string_view flag, std::string_view value);
void apply_unified(Pending&, std::string_view flag, std::string_view value);
void apply_flash_attention(Pending&, std::string_view flag, std::string_view value);
void apply_gpu_layers(Pending&, std::string_view flag, std::string_view value);
void apply_device(Pending&, std::string_view flag, std::string_view value);
void apply_device_list(Pending&, std::string_view flag, std::string_view value);
void apply_split_mode(Pending&, std::string_view flag, std::string_view value);
void apply_tensor_split(Pending&, std::string_view flag, std::string_view value);
void apply_fit(Pending&, std::string_view flag, std::string_view value);
void apply_fit_target(Pending&, std::string_view flag, std::string_view value);
void apply_cpu_moe(Pending&, std::string_view flag, std::string_view value);
void apply_cpu_mask(Pending&, std::string_view flag, std::string_view value);
void apply_cpu_range(Pending&, std::string_view flag, std::string_view value);
void apply_cpu_mask_batch(Pending&, std::string_view flag, std::string_view value);
void apply_cpu_range_batch(Pending&, std::string_view flag, std::string_view value);
void apply_api_prefix(Pending&, std::string_view flag, std::string_view value);
void apply_static_path(Pending&, std::string_view flag, std::string_view value);
void apply_models_dir(Pending&, std::string_view flag, std::string_view value);
void apply_slot_save_path(Pending&, std::string_view flag, std::string_view value);
void apply_api_keys(Pending&, std::string_view flag, std::string_view value);
void apply_api_key_file(Pending&, std::string_view flag, std::string_view value);
void apply_ui_config(Pending&, std::string_view flag, std::string_view value);
void apply_ui_config_file(Pending&, std::string_view flag, std::string_view value);
void apply_allowed_hosts(Pending&, std::string_view flag, std::string_view value);
void apply_template_file(Pending&, std::string_view flag, std::string_view value);
void apply_template_kwargs(Pending&, std::string_view flag, std::string_view value);
void apply_samplers(Pending&, std::string_view flag, std::string_view value);
void apply_sampler_letters(Pending&, std::string_view flag, std::string_view value);
void apply_repeat_penalty(Pending&, std::string_view flag, std::string_view value);
void apply_dry_base(Pending&, std::string_view flag, std::string_view value);
void apply_dry_breaker(Pending&, std::string_view flag, std::string_view value);
void apply_logit_bias(Pending&, std::string_view flag, std::string_view value);
void apply_grammar(Pending&, std::string_view flag, std::string_view value);
void apply_grammar_file(Pending&, std::string_view flag, std::string_view value);
void apply_json_schema(Pending&, std::string_view flag, std::string_view value);
void apply_json_schema_file(Pending&, std::string_view flag, std::string_view value);

}  // namespace llm::options
