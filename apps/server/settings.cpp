#include "server/settings.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "server/reloading.h"

namespace llm {
namespace {

quant::Type cache_type(const char* flag, const std::string& name) {
  const quant::Traits* traits = quant::find_traits(name);
  if (traits == nullptr) fail("{}: unknown type '{}'", flag, name);
  return traits->type;
}

bool is_unified(const ContextOptions& context) {
  using Unified = ContextOptions::Unified;
  return context.unified == Unified::on ||
         (context.unified == Unified::automatic && context.slots < 0);
}

/// Bytes that --cache-ram allows; the default is not more than a small machine can give.
std::int64_t cache_ram(const Options& options) {
  constexpr std::int64_t kMiB = 1 << 20;
  if (options.context.cache_ram < 0) return -1;
  const std::int64_t wanted = options.context.cache_ram * kMiB;
  if (options.is_given("--cache-ram")) return wanted;
  const std::int64_t memory =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  return std::min(wanted, memory / 4);
}

ControlVectors control_vectors(const ModelOptions& options) {
  ControlVectors control{
      .files = {}, .first_layer = options.control_first, .last_layer = options.control_last};
  for (const ScaledFile& file : options.control_vectors) {
    control.files.push_back({file.path, file.scale});
  }
  return control;
}

}  // namespace

EngineSettings engine_settings(const Options& options) {
  return {.slots = std::max(options.context.slots, 0),
          .context = options.context.size,
          .unified_cache = is_unified(options.context),
          .batch = options.batch.size,
          .micro_batch = options.batch.micro_size,
          .key_type = cache_type("--cache-type-k", options.context.key_type),
          .value_type = cache_type("--cache-type-v", options.context.value_type),
          .context_shift = options.context.shift,
          .cache_ram = cache_ram(options),
          .continuous_batching = options.batch.continuous,
          .slot_similarity = options.context.slot_similarity};
}

http::ServerSettings http_settings(const Options& options) {
  const SecurityOptions& security = options.security;
  http::ServerSettings settings{.host = options.http.host,
                                .port = options.http.port,
                                .reuse_port = options.http.reuse_port,
                                .timeout_s = options.http.timeout_s,
                                .api_prefix = options.http.api_prefix,
                                .keys = key_set(security),
                                .tls_key_file = security.tls_key_file,
                                .tls_cert_file = security.tls_cert_file,
                                .static_path = options.http.static_path,
                                .allowed_hosts = security.allowed_hosts,
                                .cors_origins = security.cors_origins,
                                .cors_methods = security.cors_methods,
                                .cors_headers = security.cors_headers,
                                .cors_credentials = security.cors_credentials,
                                .cors_origins_given = security.cors_origins_given};
  if (options.threads.http > 0) settings.threads = options.threads.http;
  return settings;
}

log::Settings log_settings(const LogOptions& options) {
  constexpr std::array kColors = {log::Colors::automatic, log::Colors::on, log::Colors::off};
  return {.verbosity = options.disabled ? 0 : options.verbosity,
          .file = options.disabled ? "" : options.file,
          .timestamps = options.timestamps,
          .prefix = options.prefix,
          .colors = kColors[static_cast<std::size_t>(options.colors)],
          .format = options.format == "json" ? log::Format::json : log::Format::text};
}

LoadOptions load_options(const Options& options) {
  const RopeOptions& rope = options.rope;
  return {.context = is_unified(options.context) || options.context.slots < 1
                         ? options.context.size
                         : options.context.size / options.context.slots,
          .rope_scaling = rope.scaling,
          .rope_scale = rope.scale,
          .rope_freq_base = rope.freq_base,
          .rope_freq_scale = rope.freq_scale,
          .yarn_original_context = rope.yarn_original_context,
          .yarn_ext_factor = rope.yarn_ext_factor,
          .yarn_attn_factor = rope.yarn_attn_factor,
          .yarn_beta_fast = rope.yarn_beta_fast,
          .yarn_beta_slow = rope.yarn_beta_slow,
          .control_vectors = control_vectors(options.model)};
}

}  // namespace llm
