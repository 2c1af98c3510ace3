#include "options/table.h"

#include "options/values.h"

namespace llm::options {
namespace {

/// to<&Options::context, &ContextOptions::size>: the reference to that member.
template <auto... Members>
constexpr auto to = +[](Options& options) -> auto& {
  return (options.*....*Members);
};

using enum Section;
constexpr Status kNotYet = Status::not_yet;
constexpr double kMaxInt = 2147483647;
constexpr double kMaxContext = 1 << 24;
constexpr std::string_view kCacheTypes = "f32|f16|bf16|q8_0|q4_0";

// The rows keep a compact layout of their own.
// clang-format off
constexpr Row kGeneral[] = {
    {.names = "-h, --help, --usage", .section = general, .apply = apply_help,
     .help = "print this help"},
    {.names = "--version", .section = general, .apply = apply_version,
     .help = "print the version and how it was built"},
    {.names = "-v, --verbose, --log-verbose", .section = general, .apply = apply_verbose,
     .help = "log everything; the same as -lv 5"},
    {.names = "-lv, --verbosity, --log-verbosity", .env = "LLAMA_ARG_LOG_VERBOSITY",
     .section = general, .value = "N", .low = 0, .high = 5,
     .to = to<&Options::log, &LogOptions::verbosity>,
     .help = "how much is logged: 0 nothing but output, 1 errors, 2 warnings, 3 information, 4 "
             "and 5 also details of every request"},
    {.names = "--log-file", .env = "LLAMA_ARG_LOG_FILE, LLAMA_LOG_FILE", .section = general,
     .value = "PATH", .to = to<&Options::log, &LogOptions::file>,
     .help = "write the log to this file as well"},
    {.names = "--log-disable", .section = general, .to = to<&Options::log, &LogOptions::disabled>,
     .help = "log nothing"},
    {.names = "--log-colors", .env = "LLAMA_ARG_LOG_COLORS", .section = general,
     .value = "on|off|auto", .apply = apply_log_colors,
     .help = "colours in the log; auto: when it goes to a terminal", .default_text = "auto"},
    {.names = "--log-prefix", .negative = "--no-log-prefix", .env = "LLAMA_ARG_LOG_PREFIX",
     .section = general, .to = to<&Options::log, &LogOptions::prefix>,
     .help = "begin each line of the log with its level"},
    {.names = "--log-timestamps", .negative = "--no-log-timestamps",
     .env = "LLAMA_ARG_LOG_TIMESTAMPS", .section = general,
     .to = to<&Options::log, &LogOptions::timestamps>,
     .help = "begin each line of the log with the time"},
    {.names = "-e, --escape", .negative = "--no-escape", .section = general, .apply = apply_escape,
     .help = "resolve \\n, \\t, \\\\ and the like in --reverse-prompt and --dry-sequence-breaker",
     .default_text = "on"},
    {.names = "--log-format", .env = "LLAMA_ARG_LOG_FORMAT", .section = general,
     .value = "FORMAT", .choices = "text|json", .to = to<&Options::log, &LogOptions::format>,
     .help = "lines of the log: text, or JSON objects with time, level, message, request_id and "
             "what else there is to say"},
    {.names = "--log-prompts-dir", .section = general, .value = "PATH",
     .to = to<&Options::log, &LogOptions::prompts_dir>,
     .help = "write every prompt to a file in this directory, as the model sees it; the directory "
             "is made if it is missing, files are never deleted"},
    {.names = "--request-log", .env = "LLAMA_ARG_REQUEST_LOG", .section = general,
     .value = "FILE", .to = to<&Options::request_log, &RequestLogOptions::path>,
     .help = "append every POST request and what was generated to this file, one JSON object a "
             "line; readable by its owner only, without headers and keys"},
    {.names = "--request-log-redact", .env = "LLAMA_ARG_REQUEST_LOG_REDACT", .section = general,
     .to = to<&Options::request_log, &RequestLogOptions::redact>,
     .help = "write lengths and hashes instead of texts into the request log"},
    {.names = "--request-log-max-size", .env = "LLAMA_ARG_REQUEST_LOG_MAX_SIZE",
     .section = general, .value = "MIB", .low = 1, .high = 1 << 20,
     .to = to<&Options::request_log, &RequestLogOptions::max_mib>,
     .help = "a request log that has grown so large becomes FILE.1, replacing the one before"},
    {.names = "--replay", .section = general, .value = "FILE",
     .to = to<&Options::request_log, &RequestLogOptions::replay>,
     .help = "do not serve: run the requests of a request log again with this model and these "
             "options, and say which texts differ; exit code 0: none, 2: some"},
    {.names = "-cl, --cache-list", .section = general, .apply = apply_cache_list,
     .help = "list the models in the download cache"},
    {.names = "--completion-bash", .section = general, .status = kNotYet,
     .help = "print a completion script for bash"},
    {.names = "--list-devices", .section = general, .apply = apply_device_list,
     .help = "list the GPUs that can compute"},
    {.names = "--offline", .env = "LLAMA_ARG_OFFLINE", .section = general,
     .to = to<&Options::download, &DownloadOptions::offline>,
     .help = "never use the network: of models that would be downloaded only the cache counts"},
    {.names = "--perf", .negative = "--no-perf", .env = "LLAMA_ARG_PERF", .section = general,
     .to = to<&Options::log, &LogOptions::perf>,
     .help = "timings of loading, of every request and of the batches in the log"},
};

constexpr Row kModel[] = {
    {.names = "-m, --model", .env = "LLAMA_ARG_MODEL", .section = model, .value = "PATH",
     .to = to<&Options::model, &ModelOptions::path>,
     .help = "GGUF file; of a split model its first part. Without it, and without several models "
             "(--models-dir), the small demo model that ships with the server is used"},
    {.names = "-a, --alias", .env = "LLAMA_ARG_ALIAS", .section = model,
     .value = "NAME,...", .apply = apply_aliases,
     .adds_up = true, .help = "names under which the model is reported"},
    {.names = "--tags", .env = "LLAMA_ARG_TAGS", .section = model, .value = "TAG,...",
     .apply = apply_tags, .adds_up = true, .help = "texts shown with the model in /v1/models"},
    {.names = "--override-kv", .section = model, .value = "KEY=TYPE:VALUE,...",
     .apply = apply_overrides,
     .adds_up = true, .help = "replace metadata of the file; TYPE is int, float, bool or str"},
    {.names = "--check-tensors", .section = model,
     .to = to<&Options::model, &ModelOptions::check_tensors>,
     .help = "look at every weight while loading and refuse NaN, infinity and broken blocks"},
    {.names = "--mmap", .negative = "--no-mmap", .env = "LLAMA_ARG_MMAP", .section = model,
     .to = to<&Options::model, &ModelOptions::use_mmap>,
     .help = "map the file instead of reading it into memory"},
    {.names = "--mlock", .env = "LLAMA_ARG_MLOCK", .section = model,
     .to = to<&Options::model, &ModelOptions::lock_memory>,
     .help = "keep the weights in RAM, never swapped out"},
    {.names = "--warmup", .negative = "--no-warmup", .section = model,
     .to = to<&Options::model, &ModelOptions::warm_up>,
     .help = "compute once after loading, so that the first request is not slower"},
    {.names = "--rope-scaling", .env = "LLAMA_ARG_ROPE_SCALING_TYPE", .section = model,
     .value = "TYPE", .choices = "none|linear|yarn",
     .to = to<&Options::rope, &RopeOptions::scaling>,
     .help = "how positions are stretched beyond the trained context",
     .default_text = "the model's"},
    {.names = "--rope-scale", .env = "LLAMA_ARG_ROPE_SCALE", .section = model, .value = "X",
     .low = 0, .to = to<&Options::rope, &RopeOptions::scale>,
     .help = "stretch the context by this factor", .default_text = "the model's"},
    {.names = "--rope-freq-base", .env = "LLAMA_ARG_ROPE_FREQ_BASE", .section = model, .value = "X",
     .low = 0, .to = to<&Options::rope, &RopeOptions::freq_base>,
     .help = "base of the rotary frequencies", .default_text = "the model's"},
    {.names = "--rope-freq-scale", .env = "LLAMA_ARG_ROPE_FREQ_SCALE", .section = model,
     .value = "X", .low = 0, .to = to<&Options::rope, &RopeOptions::freq_scale>,
     .help = "factor on the rotary frequencies; 1/X stretches the context by X",
     .default_text = "the model's"},
    {.names = "--yarn-orig-ctx", .env = "LLAMA_ARG_YARN_ORIG_CTX", .section = model, .value = "N",
     .low = 0, .high = kMaxContext, .to = to<&Options::rope, &RopeOptions::yarn_original_context>,
     .help = "YaRN: context before stretching; 0: the trained one"},
    {.names = "--yarn-ext-factor", .env = "LLAMA_ARG_YARN_EXT_FACTOR", .section = model,
     .value = "X", .to = to<&Options::rope, &RopeOptions::yarn_ext_factor>,
     .help = "YaRN: mix of extrapolation, 0 is none of it; -1: the model's"},
    {.names = "--yarn-attn-factor", .env = "LLAMA_ARG_YARN_ATTN_FACTOR", .section = model,
     .value = "X", .to = to<&Options::rope, &RopeOptions::yarn_attn_factor>,
     .help = "YaRN: factor on the attention's magnitude; -1: the model's"},
    {.names = "--yarn-beta-slow", .env = "LLAMA_ARG_YARN_BETA_SLOW", .section = model, .value = "X",
     .to = to<&Options::rope, &RopeOptions::yarn_beta_slow>,
     .help = "YaRN: rotations below which a dimension is only interpolated; -1: the model's"},
    {.names = "--yarn-beta-fast", .env = "LLAMA_ARG_YARN_BETA_FAST", .section = model, .value = "X",
     .to = to<&Options::rope, &RopeOptions::yarn_beta_fast>,
     .help = "YaRN: rotations above which a dimension is only extrapolated; -1: the model's"},

    {.names = "-hf, -hfr, --hf-repo", .env = "LLAMA_ARG_HF_REPO", .section = model,
     .value = "USER/MODEL[:QUANT]", .apply = apply_hf_repo,
     .help = "download a model of Hugging Face, or take it from the cache (LLAMA_CACHE). Without "
             "a quant: Q4_K_M, else the first file. HF_ENDPOINT names another hub"},
    {.names = "-hff, --hf-file", .env = "LLAMA_ARG_HF_FILE", .section = model, .value = "NAME",
     .to = to<&Options::download, &DownloadOptions::hf_file>,
     .help = "file of that repository, whatever its quant"},
    {.names = "-hft, --hf-token", .env = "HF_TOKEN", .section = model, .value = "TEXT",
     .apply = apply_hf_token,
     .help = "access token for the hub. Better given as variable: other users of the machine can "
             "read command lines"},
    {.names = "-mu, --model-url", .env = "LLAMA_ARG_MODEL_URL", .section = model, .value = "URL",
     .to = to<&Options::download, &DownloadOptions::url>,
     .help = "download the model from this address; of a split model its first part"},
    {.names = "-dr, --docker-repo", .env = "LLAMA_ARG_DOCKER_REPO", .section = model,
     .value = "[REPO/]MODEL[:TAG]", .to = to<&Options::download, &DownloadOptions::docker_repo>,
     .help = "download a model of Docker Hub; REPO is ai and TAG latest unless given. "
             "LLAMA_DOCKER_REGISTRY names another registry"},
    {.names = "--lora", .section = model, .value = "PATH,...", .apply = apply_lora,
     .adds_up = true, .help = "LoRA adapters at scale 1"},
    {.names = "--lora-scaled", .section = model, .value = "PATH:SCALE,...",
     .apply = apply_lora_scaled, .adds_up = true, .help = "LoRA adapters with scales"},
    {.names = "--lora-init-without-apply", .section = model, .apply = apply_lora_unapplied,
     .help = "load adapters without effect until the API sets scales"},
    {.names = "--lora-dir", .env = "LLAMA_ARG_LORA_DIR", .section = model, .value = "PATH",
     .apply = apply_lora_dir,
     .help = "directory whose adapters may be loaded while the server runs, with POST "
             "/lora-adapters/load; without it none may"},
    {.names = "--control-vector", .section = model, .value = "PATH,...",
     .apply = apply_control_vectors, .adds_up = true, .help = "control vectors; several add up"},
    {.names = "--control-vector-scaled", .section = model, .value = "PATH:SCALE,...",
     .apply = apply_control_vectors_scaled, .adds_up = true, .help = "control vectors with scales"},
    {.names = "--control-vector-layer-range", .section = model, .value = "FIRST LAST",
     .apply = apply_control_range,
     .help = "blocks, counted from 0, behind which control vectors are added, both included",
     .default_text = "1 to the last", .value_count = 2},
    {.names = "-mm, --mmproj", .env = "LLAMA_ARG_MMPROJ", .section = model, .value = "PATH",
     .status = kNotYet, .help = "projector of a multimodal model"},
    {.names = "-mmu, --mmproj-url", .env = "LLAMA_ARG_MMPROJ_URL", .section = model, .value = "URL",
     .status = kNotYet, .help = "download the projector"},
    {.names = "--mmproj-auto", .negative = "--no-mmproj, --no-mmproj-auto",
     .env = "LLAMA_ARG_MMPROJ_AUTO", .section = model, .status = kNotYet,
     .help = "use the projector that comes with a downloaded model"},
    {.names = "--mmproj-offload", .negative = "--no-mmproj-offload",
     .env = "LLAMA_ARG_MMPROJ_OFFLOAD", .section = model, .status = kNotYet,
     .help = "run the projector on the GPU"},
    {.names = "--image-min-tokens", .env = "LLAMA_ARG_IMAGE_MIN_TOKENS", .section = model,
     .value = "N", .status = kNotYet, .help = "fewest tokens of one image"},
    {.names = "--image-max-tokens", .env = "LLAMA_ARG_IMAGE_MAX_TOKENS", .section = model,
     .value = "N", .status = kNotYet, .help = "most tokens of one image"},
    {.names = "--mtmd-batch-max-tokens", .env = "LLAMA_ARG_MTMD_BATCH_MAX_TOKENS", .section = model,
     .value = "N", .status = kNotYet, .help = "image tokens that are encoded together"},
    {.names = "--media-path", .section = model, .value = "PATH", .status = kNotYet,
     .help = "directory whose files requests may name as media"},
};

constexpr Row kContext[] = {
    {.names = "-c, --ctx-size", .env = "LLAMA_ARG_CTX_SIZE", .section = context, .value = "N",
     .low = 0, .high = kMaxContext, .to = to<&Options::context, &ContextOptions::size>,
     .help = "tokens of KV cache over all slots; 0: the context the model was trained for"},
    {.names = "-np, --parallel", .env = "LLAMA_ARG_N_PARALLEL", .section = context, .value = "N",
     .apply = apply_slots, .help = "slots: sequences that may run at once; -1: automatic",
     .default_text = "-1"},
    {.names = "-kvu, --kv-unified", .negative = "-no-kvu, --no-kv-unified",
     .env = "LLAMA_ARG_KV_UNIFIED", .section = context, .apply = apply_unified,
     .help = "let one sequence use the cache of all slots instead of an equal share",
     .default_text = "on when the number of slots is automatic"},
    {.names = "-b, --batch-size", .env = "LLAMA_ARG_BATCH", .section = context, .value = "N",
     .low = 1, .high = kMaxContext, .to = to<&Options::batch, &BatchOptions::size>,
     .help = "most tokens of one scheduling step"},
    {.names = "-ub, --ubatch-size", .env = "LLAMA_ARG_UBATCH", .section = context, .value = "N",
     .low = 1, .high = kMaxContext, .to = to<&Options::batch, &BatchOptions::micro_size>,
     .help = "most tokens of one computation; not more than the batch size"},
    {.names = "-cb, --cont-batching", .negative = "-nocb, --no-cont-batching",
     .env = "LLAMA_ARG_CONT_BATCHING", .section = context,
     .to = to<&Options::batch, &BatchOptions::continuous>,
     .help = "start new prompts while other sequences generate"},
    {.names = "--keep", .section = context, .value = "N", .low = -1, .high = kMaxInt,
     .to = to<&Options::context, &ContextOptions::keep>,
     .help = "tokens of the prompt that a context shift keeps; -1: all"},
    {.names = "--context-shift", .negative = "--no-context-shift", .env = "LLAMA_ARG_CONTEXT_SHIFT",
     .section = context, .to = to<&Options::context, &ContextOptions::shift>,
     .help = "when the context is full drop its older half and go on"},
    {.names = "--cache-prompt", .negative = "--no-cache-prompt", .env = "LLAMA_ARG_CACHE_PROMPT",
     .section = context, .to = to<&Options::context, &ContextOptions::cache_prompt>,
     .help = "reuse what was computed for the same beginning of a prompt"},
    {.names = "-ctk, --cache-type-k", .env = "LLAMA_ARG_CACHE_TYPE_K", .section = context,
     .value = "TYPE", .choices = kCacheTypes,
     .to = to<&Options::context, &ContextOptions::key_type>, .help = "type of cached keys"},
    {.names = "-ctv, --cache-type-v", .env = "LLAMA_ARG_CACHE_TYPE_V", .section = context,
     .value = "TYPE", .choices = kCacheTypes,
     .to = to<&Options::context, &ContextOptions::value_type>, .help = "type of cached values"},
    {.names = "-fa, --flash-attn", .env = "LLAMA_ARG_FLASH_ATTN", .section = context,
     .value = "on|off|auto", .apply = apply_flash_attention,
     .help = "attention is always the fused kind here, so on and auto describe it; off is "
             "accepted with a warning and gives the same results", .default_text = "auto"},
    {.names = "-ngl, --gpu-layers, --n-gpu-layers", .env = "LLAMA_ARG_N_GPU_LAYERS",
     .section = context, .value = "N|auto|all", .apply = apply_gpu_layers,
     .help = "layers on GPUs: the last N, the output behind them counting as one; auto: as many as "
             "fit. Where there is no GPU the model runs on the CPU, with a warning if N was given",
     .default_text = "auto"},
    {.names = "-dev, --device", .env = "LLAMA_ARG_DEVICE", .section = context,
     .value = "NAME,...|none", .apply = apply_device,
     .help = "GPUs to use, by the names of --list-devices; none: the CPU alone",
     .default_text = "all"},
    {.names = "-kvo, --kv-offload", .negative = "-nkvo, --no-kv-offload",
     .env = "LLAMA_ARG_KV_OFFLOAD", .section = context,
     .to = to<&Options::gpu, &GpuOptions::cache>,
     .help = "keys and values lie on the GPU that has the layer; switched off, the CPU keeps them "
             "and computes the attention over them"},
    {.names = "-sps, --slot-prompt-similarity", .section = context, .value = "X", .low = 0,
     .high = 1, .to = to<&Options::context, &ContextOptions::slot_similarity>,
     .help = "share of a prompt that a slot must hold to be preferred; 0: slots are chosen by age "
             "only. All slots share the cached prompts; the choice counts for --cache-reuse, which "
             "looks for pieces in the slot, and for slot files"},
    {.names = "-dt, --defrag-thold", .env = "LLAMA_ARG_DEFRAG_THOLD", .section = context,
     .value = "X", .help = "has no effect: the cache is kept in pages and needs no defragmentation",
     .notice = "has no effect, the cache is kept in pages and needs no defragmentation"},

    {.names = "--cache-reuse", .env = "LLAMA_ARG_CACHE_REUSE", .section = context, .value = "N",
     .low = 0, .high = kMaxInt, .to = to<&Options::context, &ContextOptions::cache_reuse>,
     .help = "pieces of a prompt, of at least N tokens, that the slot computed at other positions "
             "are moved to theirs instead of being computed again; the text may differ from that "
             "of a fresh prompt. 0: only beginnings that are the same are reused"},
    {.names = "-cram, --cache-ram", .env = "LLAMA_ARG_CACHE_RAM", .section = context,
     .value = "MIB", .low = -1, .high = kMaxInt,
     .to = to<&Options::context, &ContextOptions::cache_ram>,
     .help = "RAM for prompts that had to leave the cache, from where they come back without being "
             "computed; -1: no limit, 0: none. When it is not given, at most a quarter of the "
             "machine's memory"},
    {.names = "--cache-idle-slots", .negative = "--no-cache-idle-slots",
     .env = "LLAMA_ARG_CACHE_IDLE_SLOTS", .section = context,
     .help = "has no effect: what idle slots hold is always free for running ones, and goes to the "
             "memory of --cache-ram when they need the place",
     .notice = "has no effect: what idle slots hold is always free for running ones and goes to "
               "--cache-ram when they need the place"},
    {.names = "-ctxcp, --ctx-checkpoints, --swa-checkpoints", .env = "LLAMA_ARG_CTX_CHECKPOINTS",
     .section = context, .value = "N", .low = 0, .high = kMaxInt,
     .help = "has no effect: checkpoints are for caches that cannot go back. Here all layers, those "
             "with a sliding window, too, keep all positions, so that any beginning can be reused",
     .notice = "has no effect: every layer keeps all positions, so there is nothing to go back to"},
    {.names = "-cms, --checkpoint-min-step", .env = "LLAMA_ARG_CHECKPOINT_MIN_SPACING_NT",
     .section = context, .value = "N", .low = 0, .high = kMaxInt,
     .help = "has no effect, as --ctx-checkpoints",
     .notice = "has no effect: there are no checkpoints, see --ctx-checkpoints"},
    {.names = "--slot-save-path", .section = context, .value = "PATH",
     .apply = apply_slot_save_path,
     .help = "directory for slot files; switches POST /slots/{id}?action=save, restore and erase on"},
    {.names = "--swa-full", .env = "LLAMA_ARG_SWA_FULL", .section = context,
     .help = "has no effect: layers with a sliding window always keep all positions",
     .notice = "has no effect: layers with a sliding window always keep all positions"},
    {.names = "-lm, --load-mode", .env = "LLAMA_ARG_LOAD_MODE", .section = context, .value = "MODE",
     .status = kNotYet, .help = "how weights are read"},
    {.names = "-dio, --direct-io", .negative = "-ndio, --no-direct-io", .env = "LLAMA_ARG_DIO",
     .section = context, .status = kNotYet, .help = "read weights around the page cache"},
    {.names = "--repack", .negative = "-nr, --no-repack", .env = "LLAMA_ARG_REPACK",
     .section = context, .status = kNotYet, .help = "re-order weights for the CPU's kernels"},
    {.names = "--no-host", .env = "LLAMA_ARG_NO_HOST", .section = context, .status = kNotYet,
     .help = "no pinned host buffer"},
    {.names = "-sm, --split-mode", .env = "LLAMA_ARG_SPLIT_MODE", .section = context,
     .value = "none|layer|row|tensor", .apply = apply_split_mode,
     .help = "how several GPUs share a model: layer, each has layers of its own; none, the one of "
             "--main-gpu has all. Splitting matrices (row, tensor) is not supported yet",
     .default_text = "layer"},
    {.names = "-ts, --tensor-split", .env = "LLAMA_ARG_TENSOR_SPLIT", .section = context,
     .value = "N,...", .apply = apply_tensor_split,
     .help = "share of the weights for each GPU, as in 3,1", .default_text = "by free memory"},
    {.names = "-mg, --main-gpu", .env = "LLAMA_ARG_MAIN_GPU", .section = context, .value = "N",
     .low = 0, .high = 1023, .to = to<&Options::gpu, &GpuOptions::main>,
     .help = "the GPU of --split-mode none, counted from 0 among those of --device"},
    {.names = "-fit, --fit", .env = "LLAMA_ARG_FIT", .section = context, .value = "on|off",
     .apply = apply_fit,
     .help = "choose what was not given (-c, -ngl) so that it fits the memory of the GPUs, and "
             "refuse what was given and does not fit; off: try it", .default_text = "on"},
    {.names = "-fitt, --fit-target", .env = "LLAMA_ARG_FIT_TARGET", .section = context,
     .value = "MIB,...", .apply = apply_fit_target,
     .help = "memory that --fit leaves free on each GPU; the last number counts for the rest",
     .default_text = "1024"},
    {.names = "-fitc, --fit-ctx", .env = "LLAMA_ARG_FIT_CTX", .section = context, .value = "N",
     .low = 256, .high = kMaxContext, .to = to<&Options::gpu, &GpuOptions::smallest_context>,
     .help = "smallest context that --fit chooses before layers go to the CPU"},
    {.names = "-ot, --override-tensor", .env = "LLAMA_ARG_OVERRIDE_TENSOR", .section = context,
     .value = "REGEX=BUFFER,...", .status = kNotYet, .help = "where tensors are placed"},
    {.names = "-cmoe, --cpu-moe", .env = "LLAMA_ARG_CPU_MOE", .section = context,
     .apply = apply_cpu_moe, .help = "the CPU keeps and computes the experts of all layers"},
    {.names = "-ncmoe, --n-cpu-moe", .env = "LLAMA_ARG_N_CPU_MOE", .section = context, .value = "N",
     .low = 0, .high = kMaxInt, .to = to<&Options::gpu, &GpuOptions::cpu_expert_layers>,
     .help = "the CPU keeps and computes the experts of the first N layers"},
    {.names = "--op-offload", .negative = "--no-op-offload", .section = context, .status = kNotYet,
     .help = "large operations of CPU tensors on the GPU"},
    {.names = "--numa", .env = "LLAMA_ARG_NUMA", .section = context, .value = "MODE",
     .choices = "distribute|isolate|numactl", .to = to<&Options::threads, &ThreadOptions::numa>,
     .help = "on machines with several memory nodes, distribute: threads on all nodes in turn, "
             "isolate: only on the node where the program started, numactl: on the CPUs that "
             "numactl gave to the program"},
    {.names = "--rpc", .env = "LLAMA_ARG_RPC", .section = context, .value = "HOST:PORT,...",
     .status = kNotYet, .help = "other machines that compute"},
};

constexpr Row kThreads[] = {
    {.names = "-t, --threads", .env = "LLAMA_ARG_THREADS", .section = threads, .value = "N",
     .low = -1, .high = 1024, .to = to<&Options::threads, &ThreadOptions::generation>,
     .help = "threads that generate; 0 and -1: every logical CPU",
     .default_text = "one per physical core"},
    {.names = "-tb, --threads-batch", .section = threads, .value = "N", .low = -1, .high = 1024,
     .to = to<&Options::threads, &ThreadOptions::batch>,
     .help = "threads that read prompts; 0 and -1: every logical CPU",
     .default_text = "as --threads"},
    {.names = "--threads-http", .env = "LLAMA_ARG_THREADS_HTTP", .section = threads, .value = "N",
     .low = -1, .high = 1024, .to = to<&Options::threads, &ThreadOptions::http>,
     .help = "threads that work on requests (JSON, templates, tokens); below 1: automatic"},

    {.names = "-C, --cpu-mask", .section = threads, .value = "MASK", .apply = apply_cpu_mask,
     .help = "CPUs to generate on, as a hexadecimal mask of any length: f0 is CPUs 4 to 7; adds "
             "to --cpu-range",
     .default_text = "every CPU that the process may use"},
    {.names = "-Cr, --cpu-range", .section = threads, .value = "LOW-HIGH",
     .apply = apply_cpu_range,
     .help = "CPUs to generate on, as a range with open ends: 4-7, -7, 4-; adds to --cpu-mask"},
    {.names = "--cpu-strict", .section = threads, .value = "0|1", .low = 0, .high = 1,
     .to = to<&Options::threads, &ThreadOptions::generating, &TeamOptions::strict>,
     .help = "1: each thread on one CPU of its own, in the order of the CPUs"},
    {.names = "--prio", .section = threads, .value = "N", .low = -1, .high = 3,
     .to = to<&Options::threads, &ThreadOptions::generating, &TeamOptions::priority>,
     .help = "priority of the threads: -1 low, 0 that of the process, 1 medium, 2 high, 3 "
             "realtime; where the system forbids it there is a warning, and it stays"},
    {.names = "--poll", .section = threads, .value = "N", .low = 0, .high = 100,
     .to = to<&Options::threads, &ThreadOptions::generating, &TeamOptions::poll>,
     .help = "how long threads look for work before they sleep: 0 not at all, 50 for 20 us, 100 "
             "for 20 ms"},
    {.names = "-Cb, --cpu-mask-batch", .section = threads, .value = "MASK",
     .apply = apply_cpu_mask_batch, .help = "as --cpu-mask, for reading prompts",
     .default_text = "as for generating"},
    {.names = "-Crb, --cpu-range-batch", .section = threads, .value = "LOW-HIGH",
     .apply = apply_cpu_range_batch, .help = "as --cpu-range, for reading prompts"},
    {.names = "--cpu-strict-batch", .section = threads, .value = "0|1", .low = 0, .high = 1,
     .to = to<&Options::threads, &ThreadOptions::reading, &TeamOptions::strict>,
     .help = "as --cpu-strict, for reading prompts", .default_text = "as --cpu-strict"},
    {.names = "--prio-batch", .section = threads, .value = "N", .low = 0, .high = 3,
     .to = to<&Options::threads, &ThreadOptions::reading, &TeamOptions::priority>,
     .help = "as --prio, for reading prompts", .default_text = "as --prio"},
    {.names = "--poll-batch", .section = threads, .value = "N", .low = 0, .high = 100,
     .to = to<&Options::threads, &ThreadOptions::reading, &TeamOptions::poll>,
     .help = "as --poll, for reading prompts", .default_text = "as --poll"},
};

constexpr Row kHttp[] = {
    {.names = "--host", .env = "LLAMA_ARG_HOST", .section = http, .value = "ADDRESS",
     .to = to<&Options::http, &HttpOptions::host>,
     .help = "address to listen on; a path ending in .sock is a unix socket"},
    {.names = "--port", .env = "LLAMA_ARG_PORT", .section = http, .value = "N", .low = 0,
     .high = 65535, .to = to<&Options::http, &HttpOptions::port>,
     .help = "port to listen on; 0: any free one, written to the log"},
    {.names = "--reuse-port", .env = "LLAMA_ARG_REUSE_PORT", .section = http,
     .to = to<&Options::http, &HttpOptions::reuse_port>,
     .help = "let several servers listen on the same port (SO_REUSEPORT)"},
    {.names = "-to, --timeout", .env = "LLAMA_ARG_TIMEOUT", .section = http, .value = "SECONDS",
     .low = 1, .high = kMaxInt, .to = to<&Options::http, &HttpOptions::timeout_s>,
     .help = "longest wait for one read or write of a connection"},
    {.names = "--sse-ping-interval", .env = "LLAMA_ARG_SSE_PING_INTERVAL", .section = http,
     .value = "SECONDS", .low = -1, .high = kMaxInt,
     .to = to<&Options::http, &HttpOptions::sse_ping_interval_s>,
     .help = "silence after which a stream gets a comment line; 0 and -1: never"},
    {.names = "--api-prefix", .env = "LLAMA_ARG_API_PREFIX", .section = http, .value = "PATH",
     .apply = apply_api_prefix, .help = "path below which everything is served, such as /llm"},
    {.names = "--path", .env = "LLAMA_ARG_STATIC_PATH", .section = http, .value = "DIRECTORY",
     .apply = apply_static_path, .help = "serve the files of this directory instead of the UI"},
};

constexpr Row kSecurity[] = {
    {.names = "--api-key", .env = "LLAMA_API_KEY", .section = security, .value = "KEY,...",
     .apply = apply_api_keys, .adds_up = true, .help = "keys of which clients must send one"},
    {.names = "--api-key-file", .env = "LLAMA_ARG_API_KEY_FILE", .section = security,
     .value = "PATH", .apply = apply_api_key_file,
     .adds_up = true, .help = "file with one key per line; lines beginning with # are comments. "
             "SIGHUP reads it again"},
    {.names = "--api-key-limits", .env = "LLAMA_ARG_API_KEY_LIMITS", .section = security,
     .value = "PATH", .to = to<&Options::security, &SecurityOptions::api_key_limits_file>,
     .help = "JSON file with what each key may use (see docs/security.md); beyond it requests get "
             "429. SIGHUP reads it again"},
    {.names = "--ssl-key-file", .env = "LLAMA_ARG_SSL_KEY_FILE", .section = security,
     .value = "PATH", .to = to<&Options::security, &SecurityOptions::tls_key_file>,
     .help = "private key (PEM); with --ssl-cert-file the server speaks TLS"},
    {.names = "--ssl-cert-file", .env = "LLAMA_ARG_SSL_CERT_FILE", .section = security,
     .value = "PATH", .to = to<&Options::security, &SecurityOptions::tls_cert_file>,
     .help = "certificate chain (PEM). SIGHUP reads it and the key again"},
    {.names = "--cors-origins", .env = "LLAMA_ARG_CORS_ORIGINS", .section = security,
     .value = "ORIGINS", .to = to<&Options::security, &SecurityOptions::cors_origins>,
     .help = "web pages that may use the server: '*' for all, 'localhost' for those of this "
             "machine, or a comma list of origins",
     .default_text = "'*' with an API key, else the server's own pages and localhost"},
    {.names = "--cors-methods", .env = "LLAMA_ARG_CORS_METHODS", .section = security,
     .value = "METHODS", .to = to<&Options::security, &SecurityOptions::cors_methods>,
     .help = "methods that such pages may use"},
    {.names = "--cors-headers", .env = "LLAMA_ARG_CORS_HEADERS", .section = security,
     .value = "HEADERS", .to = to<&Options::security, &SecurityOptions::cors_headers>,
     .help = "headers that such pages may send"},
    {.names = "--cors-credentials", .negative = "--no-cors-credentials",
     .env = "LLAMA_ARG_CORS_CREDENTIALS", .section = security,
     .to = to<&Options::security, &SecurityOptions::cors_credentials>,
     .help = "such pages may send cookies and the like"},
    {.names = "--allowed-hosts", .env = "LLAMA_ARG_ALLOWED_HOSTS", .section = security,
     .value = "NAME,...", .apply = apply_allowed_hosts,
     .adds_up = true,
     .help = "while listening on this machine only: names besides localhost that requests may "
             "give as their Host; '*' for any. Protects against pages that rebind their name to "
             "127.0.0.1"},
};

constexpr Row kFeatures[] = {
    {.names = "--metrics", .env = "LLAMA_ARG_ENDPOINT_METRICS",
     .section = features, .to = to<&Options::features, &FeatureOptions::metrics>,
     .help = "answer GET /metrics (Prometheus)"},
    {.names = "--props", .env = "LLAMA_ARG_ENDPOINT_PROPS", .section = features,
     .to = to<&Options::features, &FeatureOptions::props>, .help = "accept POST /props"},
    {.names = "--slots", .negative = "--no-slots", .env = "LLAMA_ARG_ENDPOINT_SLOTS",
     .section = features, .to = to<&Options::features, &FeatureOptions::slots>,
     .help = "answer GET /slots"},
    {.names = "--ui, --webui", .negative = "--no-ui, --no-webui", .env = "LLAMA_ARG_UI",
     .section = features, .to = to<&Options::features, &FeatureOptions::ui>,
     .help = "serve the web UI"},

    {.names = "--embedding, --embeddings", .env = "LLAMA_ARG_EMBEDDINGS", .section = features,
     .to = to<&Options::vectors, &VectorOptions::embeddings>,
     .help = "answer /v1/embeddings and /embeddings; -b is lowered to -ub"},
    {.names = "--rerank, --reranking", .env = "LLAMA_ARG_RERANKING", .section = features,
     .to = to<&Options::vectors, &VectorOptions::reranking>,
     .help = "answer /v1/rerank; implies --embeddings and --pooling rank"},
    {.names = "--pooling", .env = "LLAMA_ARG_POOLING", .section = features, .value = "KIND",
     .choices = "none|mean|cls|last|rank", .to = to<&Options::vectors, &VectorOptions::pooling>,
     .help = "how the vectors of an input's tokens become one", .default_text = "the model's"},
    {.names = "--embd-normalize", .section = features, .value = "N", .low = -1, .high = 1 << 20,
     .to = to<&Options::vectors, &VectorOptions::normalize>,
     .help = "embeddings are divided by their N-norm; -1: by nothing, 0: so that the largest "
             "value is 32760"},
    {.names = "--spm-infill", .section = features,
     .to = to<&Options::features, &FeatureOptions::suffix_first_infill>,
     .help = "/infill puts the suffix in front of the prefix, as some models are trained"},
    {.names = "--ui-config, --webui-config", .env = "LLAMA_ARG_UI_CONFIG", .section = features,
     .value = "JSON", .apply = apply_ui_config,
     .help = "JSON object of settings for the UI (systemMessage, temperature, max_tokens, theme), "
             "shown in /props"},
    {.names = "--ui-config-file, --webui-config-file", .env = "LLAMA_ARG_UI_CONFIG_FILE",
     .section = features, .value = "PATH", .apply = apply_ui_config_file,
     .help = "file with such an object"},
    {.names = "--ui-mcp-proxy, --webui-mcp-proxy",
     .negative = "--no-ui-mcp-proxy, --no-webui-mcp-proxy", .env = "LLAMA_ARG_UI_MCP_PROXY",
     .section = features, .status = kNotYet, .help = "CORS proxy for MCP servers"},
    {.names = "--tools", .env = "LLAMA_ARG_TOOLS", .section = features, .value = "NAME,...",
     .status = kNotYet, .help = "built-in tools"},
    {.names = "--mcp-servers-config", .env = "LLAMA_ARG_MCP_SERVERS_CONFIG", .section = features,
     .value = "PATH", .status = kNotYet, .help = "file that names MCP servers"},
    {.names = "--mcp-servers-json", .env = "LLAMA_ARG_MCP_SERVERS_JSON", .section = features,
     .value = "JSON", .status = kNotYet, .help = "MCP servers"},
    {.names = "-ag, --agent", .negative = "-no-ag, --no-agent", .env = "LLAMA_ARG_AGENT",
     .section = features, .status = kNotYet, .help = "all tools and the CORS proxy"},
    {.names = "--sleep-idle-seconds", .section = features, .value = "SECONDS",
     .apply = apply_sleep_idle,
     .help = "weights and caches leave memory after so long without work, and come back with the "
             "next request; -1: never", .default_text = "-1"},
    {.names = "--models-dir", .env = "LLAMA_ARG_MODELS_DIR", .section = features,
     .value = "DIRECTORY", .apply = apply_models_dir,
     .help = "serve every model of this directory: X.gguf as X, and folders (split files, "
             "projectors) under their names. A request names its model, which is loaded then"},
    {.names = "--models-preset", .env = "LLAMA_ARG_MODELS_PRESET", .section = features,
     .value = "PATH", .to = to<&Options::router, &RouterOptions::preset>,
     .help = "serve the models of this INI file: [name] begins one, [*] is for all, keys are "
             "options without dashes"},
    {.names = "--models-max", .env = "LLAMA_ARG_MODELS_MAX", .section = features, .value = "N",
     .low = 0, .high = 4096, .to = to<&Options::router, &RouterOptions::max_models>,
     .help = "most models loaded at once, with --models-dir or --models-preset; the one that was "
             "used least recently makes room. 0: no limit"},
    {.names = "--models-memory", .env = "LLAMA_ARG_MODELS_MEMORY", .section = features,
     .value = "MIB", .low = -1, .high = kMaxInt,
     .to = to<&Options::router, &RouterOptions::memory_mib>,
     .help = "memory for all loaded models together; one that needs more is refused, the least "
             "recently used one makes room. 0: nine tenths of the machine's (or container's), -1: "
             "no limit"},
    {.names = "--models-autoload", .negative = "--no-models-autoload",
     .env = "LLAMA_ARG_MODELS_AUTOLOAD", .section = features,
     .to = to<&Options::router, &RouterOptions::autoload>,
     .help = "load a model when a request names it; otherwise only /models/load does"},
};

constexpr Row kChat[] = {
    {.names = "--jinja", .negative = "--no-jinja", .env = "LLAMA_ARG_JINJA", .section = chat,
     .status = Status::only_on, .help = "chat templates are rendered by the Jinja engine",
     .default_text = "on"},
    {.names = "--chat-template", .env = "LLAMA_ARG_CHAT_TEMPLATE", .section = chat,
     .value = "TEXT|NAME", .apply = apply_chat_template,
     .help = "chat template, or the name of a built-in one", .default_text = "the model's"},
    {.names = "--chat-template-file", .env = "LLAMA_ARG_CHAT_TEMPLATE_FILE", .section = chat,
     .value = "PATH", .apply = apply_template_file, .help = "file with the chat template"},
    {.names = "--chat-template-kwargs", .env = "LLAMA_ARG_CHAT_TEMPLATE_KWARGS", .section = chat,
     .value = "JSON", .apply = apply_template_kwargs,
     .help = "JSON object of variables for the template"},
    {.names = "--prefill-assistant", .negative = "--no-prefill-assistant",
     .env = "LLAMA_ARG_PREFILL_ASSISTANT", .section = chat,
     .to = to<&Options::chat, &ChatOptions::prefill_assistant>,
     .help = "continue the last message when it is the assistant's"},
    {.names = "-sp, --special", .section = chat, .to = to<&Options::chat, &ChatOptions::special>,
     .help = "show control tokens in the output"},
    {.names = "-r, --reverse-prompt", .section = chat, .value = "TEXT", .apply = apply_stop,
     .adds_up = true, .help = "stop string of requests that bring none"},

    {.names = "--skip-chat-parsing", .negative = "--no-skip-chat-parsing",
     .env = "LLAMA_ARG_SKIP_CHAT_PARSING", .section = chat,
     .to = to<&Options::chat, &ChatOptions::skip_parsing>,
     .help = "replies are content as the model wrote it: reasoning and tool calls stay markup"},
    {.names = "--reasoning-format", .env = "LLAMA_ARG_THINK", .section = chat, .value = "FORMAT",
     .choices = "none|auto|deepseek|deepseek-legacy",
     .to = to<&Options::chat, &ChatOptions::reasoning_format>,
     .help = "where thoughts appear in the reply: none: in the content, with their tags; deepseek "
             "and auto: in reasoning_content; deepseek-legacy: in both"},
    {.names = "-rea, --reasoning", .env = "LLAMA_ARG_REASONING", .section = chat,
     .value = "on|off|auto", .choices = "on|off|auto",
     .to = to<&Options::chat, &ChatOptions::reasoning>,
     .help = "let the model think, where its template knows the switch; auto: on"},
    {.names = "--reasoning-budget", .env = "LLAMA_ARG_THINK_BUDGET", .section = chat, .value = "N",
     .low = -1, .high = kMaxInt, .to = to<&Options::chat, &ChatOptions::reasoning_budget>,
     .help = "most tokens of thought, then its end is forced; -1: no limit, 0: thoughts end at once"},
    {.names = "--reasoning-budget-message", .env = "LLAMA_ARG_THINK_BUDGET_MESSAGE",
     .section = chat, .value = "TEXT",
     .to = to<&Options::chat, &ChatOptions::reasoning_budget_message>,
     .help = "text that ends thoughts which ran out of budget"},
    {.names = "--reasoning-preserve", .negative = "--no-reasoning-preserve",
     .env = "LLAMA_ARG_REASONING_PRESERVE", .section = chat,
     .to = to<&Options::chat, &ChatOptions::preserve_reasoning>,
     .help = "keep the thoughts of all turns in the prompt, where the template can"},
};

constexpr Row kSampling[] = {
    {.names = "-n, --predict, --n-predict", .env = "LLAMA_ARG_N_PREDICT", .section = sampling,
     .value = "N", .low = -1, .high = kMaxInt,
     .to = to<&Options::sampling, &SamplingOptions::predict>,
     .help = "most tokens to generate; -1: until the context is full"},
    {.names = "--samplers", .section = sampling, .value = "NAME;...", .apply = apply_samplers,
     .help = "samplers in their order: penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, "
             "xtc, temperature, adaptive_p, infill",
     .default_text = "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature"},
    {.names = "--sampler-seq, --sampling-seq", .section = sampling, .value = "LETTERS",
     .apply = apply_sampler_letters, .help = "the same as letters", .default_text = "edskypmxt"},
    {.names = "-s, --seed", .section = sampling, .value = "N", .low = -1, .high = 4294967295.0,
     .to = to<&Options::sampling, &SamplingOptions::seed>,
     .help = "seed of the random numbers; -1: a random one", .default_text = "-1"},
    {.names = "--temp, --temperature", .section = sampling, .value = "X",
     .to = to<&Options::sampling, &SamplingOptions::temperature>,
     .help = "temperature; 0 and below: always the most likely token"},
    {.names = "--top-k", .env = "LLAMA_ARG_TOP_K", .section = sampling, .value = "N", .low = -1,
     .high = kMaxInt, .to = to<&Options::sampling, &SamplingOptions::top_k>,
     .help = "keep the N most likely tokens; 0 and -1: off"},
    {.names = "--top-p", .section = sampling, .value = "X", .low = 0, .high = 1,
     .to = to<&Options::sampling, &SamplingOptions::top_p>,
     .help = "keep the most likely tokens that together reach this probability; 1: off"},
    {.names = "--min-p", .section = sampling, .value = "X", .low = 0, .high = 1,
     .to = to<&Options::sampling, &SamplingOptions::min_p>,
     .help = "drop tokens less likely than this share of the best one; 0: off"},
    {.names = "--top-nsigma, --top-n-sigma", .section = sampling, .value = "X",
     .to = to<&Options::sampling, &SamplingOptions::top_n_sigma>,
     .help = "drop logits more than this many standard deviations below the best; 0 and below: "
             "off"},
    {.names = "--xtc-probability", .section = sampling, .value = "X", .low = 0, .high = 1,
     .to = to<&Options::sampling, &SamplingOptions::xtc_probability>,
     .help = "chance of removing the top choices (XTC); 0: off"},
    {.names = "--xtc-threshold", .section = sampling, .value = "X", .low = 0, .high = 1,
     .to = to<&Options::sampling, &SamplingOptions::xtc_threshold>,
     .help = "probability that makes a token a top choice; above 0.5: off"},
    {.names = "--typical, --typical-p", .section = sampling, .value = "X", .low = 0,
     .to = to<&Options::sampling, &SamplingOptions::typical_p>,
     .help = "locally typical sampling; 1 and above: off"},
    {.names = "--repeat-last-n", .section = sampling, .value = "N", .low = 0, .high = kMaxInt,
     .to = to<&Options::sampling, &SamplingOptions::repeat_last_n>,
     .help = "tokens that the penalties look back; 0: off"},
    {.names = "--repeat-penalty", .section = sampling, .value = "X", .apply = apply_repeat_penalty,
     .help = "penalty on repeated tokens; 1: off", .default_text = "1"},
    {.names = "--presence-penalty", .section = sampling, .value = "X",
     .to = to<&Options::sampling, &SamplingOptions::presence_penalty>,
     .help = "penalty on tokens that occurred; 0: off"},
    {.names = "--frequency-penalty", .section = sampling, .value = "X",
     .to = to<&Options::sampling, &SamplingOptions::frequency_penalty>,
     .help = "penalty on tokens for each time they occurred; 0: off"},
    {.names = "--dry-multiplier", .section = sampling, .value = "X",
     .to = to<&Options::sampling, &SamplingOptions::dry_multiplier>,
     .help = "strength of the penalty on repeated sequences (DRY); 0: off"},
    {.names = "--dry-base", .section = sampling, .value = "X", .apply = apply_dry_base,
     .help = "how the DRY penalty grows with length; below 1 it is ignored",
     .default_text = "1.75"},
    {.names = "--dry-allowed-length", .section = sampling, .value = "N", .low = 0, .high = kMaxInt,
     .to = to<&Options::sampling, &SamplingOptions::dry_allowed_length>,
     .help = "length of repetition that DRY lets pass"},
    {.names = "--dry-penalty-last-n", .section = sampling, .value = "N", .low = 0, .high = kMaxInt,
     .to = to<&Options::sampling, &SamplingOptions::dry_penalty_last_n>,
     .help = "tokens that DRY looks back; 0: off"},
    {.names = "--dry-sequence-breaker", .section = sampling, .value = "TEXT",
     .apply = apply_dry_breaker,
     .adds_up = true,
     .help = "text that ends a repetition; the first use replaces the defaults, 'none' empties "
             "the list", .default_text = "\\n : \" *"},
    {.names = "--dynatemp-range", .section = sampling, .value = "X", .low = 0,
     .to = to<&Options::sampling, &SamplingOptions::dynatemp_range>,
     .help = "dynamic temperature: by how much it may differ from --temp; 0: off"},
    {.names = "--dynatemp-exp", .section = sampling, .value = "X", .low = 0,
     .to = to<&Options::sampling, &SamplingOptions::dynatemp_exponent>,
     .help = "dynamic temperature: exponent on the entropy"},
    {.names = "--mirostat", .section = sampling, .value = "N", .low = 0, .high = 2,
     .to = to<&Options::sampling, &SamplingOptions::mirostat>,
     .help = "Mirostat version 1 or 2 in place of the samplers; 0: off"},
    {.names = "--mirostat-lr", .section = sampling, .value = "X", .low = 0,
     .to = to<&Options::sampling, &SamplingOptions::mirostat_eta>,
     .help = "Mirostat: learning rate"},
    {.names = "--mirostat-ent", .section = sampling, .value = "X", .low = 0,
     .to = to<&Options::sampling, &SamplingOptions::mirostat_tau>,
     .help = "Mirostat: target entropy"},
    {.names = "--adaptive-target", .section = sampling, .value = "X", .high = 1,
     .to = to<&Options::sampling, &SamplingOptions::adaptive_target>,
     .help = "adaptive-p: probability to aim at; below 0: off"},
    {.names = "--adaptive-decay", .section = sampling, .value = "X", .low = 0, .high = 0.99,
     .to = to<&Options::sampling, &SamplingOptions::adaptive_decay>,
     .help = "adaptive-p: how slowly the average forgets"},
    {.names = "--ignore-eos", .section = sampling,
     .to = to<&Options::sampling, &SamplingOptions::ignore_eos>,
     .help = "never generate an end-of-generation token"},
    {.names = "-l, --logit-bias", .section = sampling, .value = "ID(+|-)BIAS",
     .apply = apply_logit_bias,
     .adds_up = true, .help = "add a bias to the logit of a token, such as 15043-1"},

    {.names = "--grammar", .section = sampling, .value = "GBNF", .apply = apply_grammar,
     .help = "grammar of the output, for requests that bring no constraint"},
    {.names = "--grammar-file", .section = sampling, .value = "PATH", .apply = apply_grammar_file,
     .help = "file with such a grammar"},
    {.names = "-j, --json-schema", .section = sampling, .value = "JSON",
     .apply = apply_json_schema,
     .help = "JSON Schema of the output, for requests that bring no constraint; {}: any JSON"},
    {.names = "-jf, --json-schema-file", .section = sampling, .value = "PATH",
     .apply = apply_json_schema_file, .help = "file with such a schema"},
    {.names = "-bs, --backend-sampling", .env = "LLAMA_ARG_BACKEND_SAMPLING", .section = sampling,
     .status = kNotYet, .help = "sample on the device"},
};

// clang-format on

/// A row of flags that are only known by name.
constexpr Row later(Section section, std::string_view names, std::string_view env,
                    std::string_view value, std::string_view help) {
  return {.names = names,
          .env = env,
          .section = section,
          .value = value,
          .status = kNotYet,
          .help = help};
}

constexpr Row removed(std::string_view names, std::string_view env, std::string_view successor) {
  return {.names = names,
          .env = env,
          .section = speculation,
          .value = "N",
          .status = Status::removed,
          .help = successor};
}

constexpr Row kSpeculation[] = {
    later(speculation, "--spec-type", "LLAMA_ARG_SPEC_TYPE", "TYPE,...", "how drafts are made"),
    later(speculation, "--spec-draft-model, -md, --model-draft", "LLAMA_ARG_SPEC_DRAFT_MODEL",
          "PATH", "draft model"),
    later(speculation, "--spec-draft-hf, -hfd, -hfrd, --hf-repo-draft",
          "LLAMA_ARG_SPEC_DRAFT_HF_REPO", "USER/REPO[:QUANT]", "draft model of Hugging Face"),
    later(speculation, "--spec-draft-n-max", "LLAMA_ARG_SPEC_DRAFT_N_MAX", "N",
          "most tokens of a draft"),
    later(speculation, "--spec-draft-n-min", "LLAMA_ARG_SPEC_DRAFT_N_MIN", "N",
          "fewest tokens of a draft"),
    later(speculation, "--spec-draft-p-min, --draft-p-min", "LLAMA_ARG_SPEC_DRAFT_P_MIN", "X",
          "stop drafting below this probability"),
    later(speculation, "--spec-draft-p-split, --draft-p-split", "LLAMA_ARG_SPEC_DRAFT_P_SPLIT", "X",
          "probability at which drafts branch"),
    {.names = "--spec-draft-backend-sampling",
     .negative = "--no-spec-draft-backend-sampling",
     .env = "LLAMA_ARG_SPEC_DRAFT_BACKEND_SAMPLING",
     .section = speculation,
     .status = kNotYet,
     .help = "sample drafts on the device"},
    later(speculation, "--spec-draft-ngl, -ngld, --gpu-layers-draft, --n-gpu-layers-draft",
          "LLAMA_ARG_N_GPU_LAYERS_DRAFT", "N", "as -ngl, for the draft model"),
    later(speculation, "--spec-draft-device, -devd, --device-draft", "", "NAME,...",
          "as -dev, for the draft model"),
    later(speculation, "--spec-draft-type-k, -ctkd, --cache-type-k-draft",
          "LLAMA_ARG_SPEC_DRAFT_CACHE_TYPE_K", "TYPE", "as -ctk, for the draft model"),
    later(speculation, "--spec-draft-type-v, -ctvd, --cache-type-v-draft",
          "LLAMA_ARG_SPEC_DRAFT_CACHE_TYPE_V", "TYPE", "as -ctv, for the draft model"),
    later(speculation, "--spec-draft-override-tensor, -otd, --override-tensor-draft", "",
          "REGEX=BUFFER,...", "as -ot, for the draft model"),
    later(speculation, "--spec-draft-cpu-moe, -cmoed, --cpu-moe-draft",
          "LLAMA_ARG_SPEC_DRAFT_CPU_MOE", "", "as -cmoe, for the draft model"),
    later(speculation, "--spec-draft-n-cpu-moe, --spec-draft-ncmoe, -ncmoed, --n-cpu-moe-draft",
          "LLAMA_ARG_SPEC_DRAFT_N_CPU_MOE", "N", "as -ncmoe, for the draft model"),
    later(speculation, "--spec-draft-threads, -td, --threads-draft", "", "N",
          "as -t, for the draft model"),
    later(speculation, "--spec-draft-threads-batch, -tbd, --threads-batch-draft", "", "N",
          "as -tb, for the draft model"),
    later(speculation, "--spec-draft-cpu-mask, -Cd, --cpu-mask-draft", "", "MASK",
          "as -C, for the draft model"),
    later(speculation, "--spec-draft-cpu-range, -Crd, --cpu-range-draft", "", "LOW-HIGH",
          "as -Cr, for the draft model"),
    later(speculation, "--spec-draft-cpu-strict, --cpu-strict-draft", "", "0|1",
          "as --cpu-strict, for the draft model"),
    later(speculation, "--spec-draft-prio, --prio-draft", "", "N",
          "as --prio, for the draft model"),
    later(speculation, "--spec-draft-poll, --poll-draft", "", "N",
          "as --poll, for the draft model"),
    later(speculation, "--spec-draft-cpu-mask-batch, -Cbd, --cpu-mask-batch-draft", "", "MASK",
          "as -Cb, for the draft model"),
    later(speculation, "--spec-draft-cpu-strict-batch, --cpu-strict-batch-draft", "", "0|1",
          "as --cpu-strict-batch, for the draft model"),
    later(speculation, "--spec-draft-prio-batch, --prio-batch-draft", "", "N",
          "as --prio-batch, for the draft model"),
    later(speculation, "--spec-draft-poll-batch, --poll-batch-draft", "", "N",
          "as --poll-batch, for the draft model"),
    later(speculation, "--spec-ngram-mod-n-min", "", "N", "ngram-mod: shortest draft"),
    later(speculation, "--spec-ngram-mod-n-max", "", "N", "ngram-mod: longest draft"),
    later(speculation, "--spec-ngram-mod-n-match", "", "N", "ngram-mod: tokens that must match"),
    later(speculation, "--spec-ngram-simple-size-n", "", "N", "ngram-simple: tokens looked up"),
    later(speculation, "--spec-ngram-simple-size-m", "", "N", "ngram-simple: tokens drafted"),
    later(speculation, "--spec-ngram-simple-min-hits", "", "N", "ngram-simple: hits needed"),
    later(speculation, "--spec-ngram-map-k-size-n", "", "N", "ngram-map-k: tokens looked up"),
    later(speculation, "--spec-ngram-map-k-size-m", "", "N", "ngram-map-k: tokens drafted"),
    later(speculation, "--spec-ngram-map-k-min-hits", "", "N", "ngram-map-k: hits needed"),
    later(speculation, "--spec-ngram-map-k4v-size-n", "", "N", "ngram-map-k4v: tokens looked up"),
    later(speculation, "--spec-ngram-map-k4v-size-m", "", "N", "ngram-map-k4v: tokens drafted"),
    later(speculation, "--spec-ngram-map-k4v-min-hits", "", "N", "ngram-map-k4v: hits needed"),
    later(speculation, "-lcs, --lookup-cache-static", "", "PATH",
          "ngram-cache: file never changed"),
    later(speculation, "-lcd, --lookup-cache-dynamic", "", "PATH",
          "ngram-cache: file kept current"),
    later(speculation, "--spec-default", "", "", "ngram-mod with its usual sizes"),
    removed("--draft, --draft-n, --draft-max", "LLAMA_ARG_DRAFT_MAX", "--spec-draft-n-max"),
    removed("--draft-min, --draft-n-min", "LLAMA_ARG_DRAFT_MIN", "--spec-draft-n-min"),
    removed("--spec-ngram-size-n", "", "--spec-ngram-simple-size-n"),
    removed("--spec-ngram-size-m", "", "--spec-ngram-simple-size-m"),
    removed("--spec-ngram-min-hits", "", "--spec-ngram-simple-min-hits"),
};

/// A row of a switch that stands for other options.
constexpr Row preset(std::string_view names, std::string_view help, std::string_view expands) {
  return {.names = names, .section = presets, .help = help, .expands = expands};
}

constexpr Row kPresets[] = {
    preset("--embd-gemma-default", "EmbeddingGemma 300M for embeddings, on port 8011",
           "--hf-repo ggml-org/embeddinggemma-300M-qat-q4_0-GGUF "
           "--hf-file embeddinggemma-300M-qat-Q4_0.gguf "
           "--port 8011 --batch-size 2048 --ubatch-size 2048 --parallel 32 --ctx-size 65536 "
           "--embeddings"),
    preset("--fim-qwen-1.5b-default", "Qwen 2.5 Coder 1.5B for infill, on port 8012",
           "--hf-repo ggml-org/Qwen2.5-Coder-1.5B-Q8_0-GGUF "
           "--hf-file qwen2.5-coder-1.5b-q8_0.gguf "
           "--port 8012 --batch-size 1024 --ubatch-size 1024 --ctx-size 0 "
           "--cache-reuse 256"),
    preset("--fim-qwen-3b-default", "Qwen 2.5 Coder 3B for infill, on port 8012",
           "--hf-repo ggml-org/Qwen2.5-Coder-3B-Q8_0-GGUF "
           "--hf-file qwen2.5-coder-3b-q8_0.gguf "
           "--port 8012 --batch-size 1024 --ubatch-size 1024 --ctx-size 0 "
           "--cache-reuse 256"),
    preset("--fim-qwen-7b-default", "Qwen 2.5 Coder 7B for infill, on port 8012",
           "--hf-repo ggml-org/Qwen2.5-Coder-7B-Q8_0-GGUF "
           "--hf-file qwen2.5-coder-7b-q8_0.gguf "
           "--port 8012 --batch-size 1024 --ubatch-size 1024 --ctx-size 0 "
           "--cache-reuse 256"),
    preset("--fim-qwen-30b-default", "Qwen 3 Coder 30B A3B for infill, on port 8012",
           "--hf-repo ggml-org/Qwen3-Coder-30B-A3B-Instruct-Q8_0-GGUF "
           "--hf-file qwen3-coder-30b-a3b-instruct-q8_0.gguf "
           "--port 8012 --batch-size 1024 --ubatch-size 1024 --ctx-size 0 "
           "--cache-reuse 256"),
    later(presets, "--fim-qwen-7b-spec", "", "", "the same 7B with a draft model"),
    later(presets, "--fim-qwen-14b-spec", "", "", "Qwen Coder 14B with a draft model"),
    preset("--gpt-oss-20b-default", "gpt-oss 20B, on port 8013",
           "--hf-repo ggml-org/gpt-oss-20b-GGUF --port 8013 --batch-size 32768 --ubatch-size 2048 "
           "--parallel 2 --ctx-size 262144 --temp 1 --top-p 1 --top-k 0 --min-p 0.01"),
    preset("--gpt-oss-120b-default", "gpt-oss 120B, on port 8013",
           "--hf-repo ggml-org/gpt-oss-120b-GGUF --port 8013 --batch-size 32768 --ubatch-size 2048 "
           "--parallel 2 --ctx-size 262144 --temp 1 --top-p 1 --top-k 0 --min-p 0.01"),
    later(presets, "--vision-gemma-4b-default", "", "", "Gemma 4B with vision, downloaded"),
    later(presets, "--vision-gemma-12b-default", "", "", "Gemma 12B with vision, downloaded"),
};

template <std::size_t... N>
std::vector<Row> joined(const Row (&... parts)[N]) {
  std::vector<Row> all;
  all.reserve((N + ...));
  const auto append = [&all](std::span<const Row> part) {
    for (const Row& row : part) all.push_back(row);
  };
  (append(parts), ...);
  return all;
}

}  // namespace

std::span<const Row> rows() {
  static const std::vector<Row> all = joined(kGeneral, kModel, kContext, kThreads, kHttp, kSecurity,
                                             kFeatures, kChat, kSampling, kSpeculation, kPresets);
  return all;
}

const char* section_title(Section section) {
  constexpr const char* kTitles[] = {"General and log",
                                     "Model",
                                     "Context, cache and devices",
                                     "Threads",
                                     "HTTP",
                                     "Security",
                                     "Endpoints and features",
                                     "Chat",
                                     "Sampling defaults",
                                     "Speculative decoding",
                                     "Ready-made configurations"};
  static_assert(std::size(kTitles) == static_cast<std::size_t>(Section::count));
  return kTitles[static_cast<std::size_t>(section)];
}

std::vector<std::string_view> split_names(std::string_view names) {
  std::vector<std::string_view> out;
  while (!names.empty()) {
    const auto comma = names.find(", ");
    out.push_back(names.substr(0, comma));
    names = comma == names.npos ? std::string_view{} : names.substr(comma + 2);
  }
  return out;
}

std::string_view main_name(const Row& row) {
  const auto names = split_names(row.names);
  for (const auto name : names)
    if (name.starts_with("--")) return name;
  return names.front();
}

}  // namespace llm::options
