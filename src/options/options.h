// Every setting of the server, and how it gets its value: built-in default, then environment, then
// command line. The flags themselves are rows of one table, options/table.cpp, which is the only
// copy of their names, kinds, ranges and help texts; parsing, --help and docs/flags.md read it.
// The room knows no other room: settings are plain numbers and texts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace llm {

/// --override-kv key=type:value
struct MetadataOverride {
  std::string key;
  std::variant<std::int64_t, double, bool, std::string> value;
};

/// A file with a factor on what it does.
struct ScaledFile {
  std::string path;
  float scale = 1;
};

struct ModelOptions {
  std::string path;                        // empty: the demo model that ships with the server
  std::vector<std::string> aliases, tags;  // blanks trimmed, no duplicates, in the order given
  std::vector<MetadataOverride> overrides;
  bool check_tensors = false;
  bool use_mmap = true, lock_memory = false;
  bool warm_up = true;
  std::vector<ScaledFile> lora;  // in the order given
  bool lora_apply = true;        // false: without effect until the API sets scales
  std::string lora_dir;          // whose files the API may load; empty: none
  std::vector<ScaledFile> control_vectors;
  int control_first = 0, control_last = 0;  // layers; 0: from 1, to the last
};

/// Where the model comes from when it is no file of this machine: at most one of `url`,
/// `docker_repo` and `hf_repo`, and none of them beside ModelOptions::path.
struct DownloadOptions {
  std::string url, docker_repo, hf_repo;
  std::string hf_file;   // file of hf_repo
  std::string hf_token;  // secret
  bool offline = false;  // only the cache counts
};

/// Overrides of the file's values. Unset: empty text, 0, or -1 for the four YaRN factors.
struct RopeOptions {
  std::string scaling;  // "none", "linear", "yarn"
  float scale = 0;      // context is stretched by this factor; frequency scale = 1 / scale
  float freq_base = 0, freq_scale = 0;
  int yarn_original_context = 0;
  float yarn_ext_factor = -1, yarn_attn_factor = -1, yarn_beta_slow = -1, yarn_beta_fast = -1;
};

struct ContextOptions {
  int size = 0;    // tokens of cache over all slots; 0: the context the model was trained for
  int slots = -1;  // -1: automatic
  enum class Unified { automatic, on, off } unified = Unified::automatic;  // auto: on with -np auto
  int keep = 0;  // default n_keep; -1: the whole prompt
  bool shift = false;
  bool cache_prompt = true;                          // default of the request field
  std::string key_type = "f16", value_type = "f16";  // f32, f16, bf16, q8_0, q4_0
  float slot_similarity = 0.1f;  // share of a prompt that a slot must hold to be preferred; 0: off
  int cache_reuse = 0;           // default of n_cache_reuse: fewest tokens of a moved piece; 0: off
  int cache_ram = 8192;          // MiB for pages that leave the cache; -1: no limit, 0: none
  std::string slot_save_path;    // directory of slot files; empty: slots cannot be saved
};

/// GPUs, and what of the model they get.
struct GpuOptions {
  static constexpr int kAutomatic = -1, kAll = 1 << 20;
  int layers = kAutomatic;           // the last N layers, the output counting as one
  std::vector<std::string> devices;  // as given, "CUDA0"; empty: all that are there
  bool none = false;                 // --device none: the CPU alone
  std::string split = "layer";       // or "none": one GPU, the main one
  std::vector<float> shares;         // of the devices in their order; empty: by free memory
  int main = 0;                      // index into the devices, for split "none"
  bool cache = true;                 // the KV cache lies where its layers are; false: with the CPU
  int cpu_expert_layers = 0;         // layers from the first on whose experts the CPU computes
  bool fit = true;                   // what does not fit is made to fit, or refused
  std::vector<int> margins_mib = {1024};  // left free on each device; the last counts for the rest
  int smallest_context = 4096;            // that is chosen before layers go to the CPU
};

struct BatchOptions {
  int size = 2048;       // tokens per scheduling step
  int micro_size = 512;  // tokens per computation
  bool continuous = true;
};

/// How threads that compute run.
struct TeamOptions {
  std::vector<int> mask, range;   // CPUs, ascending; both empty: every one
  std::vector<int> cpus() const;  // both together
  int strict = 0;                 // 1: a CPU for each thread
  int priority = 0;               // -1 low, 0 that of the process, 1 medium, 2 high, 3 realtime
  int poll = 50;                  // 0 to 100: how long they look for work before they sleep
};

struct ThreadOptions {
  int generation = -1;  // -1: one per physical core; 0: one per logical CPU
  int batch = -1;       // -1: as generation; 0: one per logical CPU
  int http = -1;        // -1: automatic
  TeamOptions generating, reading;
  std::string numa;  // "distribute", "isolate", "numactl"; empty: none
};

/// Defaults of the request fields of the same meaning. Where the model file carries
/// general.sampling.* values, they rank below what was given here (see Options::is_given).
struct SamplingOptions {
  int predict = -1;                 // -1: until the context is full
  std::uint32_t seed = 0xFFFFFFFF;  // this value: random
  float temperature = 0.8f, dynatemp_range = 0, dynatemp_exponent = 1;
  int top_k = 40;
  float top_p = 0.95f, min_p = 0.05f, top_n_sigma = -1, typical_p = 1;
  float xtc_probability = 0, xtc_threshold = 0.1f;
  int repeat_last_n = 64;
  float repeat_penalty = 1, presence_penalty = 0, frequency_penalty = 0;
  float dry_multiplier = 0, dry_base = 1.75f;
  int dry_allowed_length = 2, dry_penalty_last_n = 64;
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};  // escapes resolved
  int mirostat = 0;
  float mirostat_tau = 5, mirostat_eta = 0.1f;  // --mirostat-ent, --mirostat-lr
  float adaptive_target = -1, adaptive_decay = 0.9f;
  bool ignore_eos = false;
  std::vector<std::pair<std::int32_t, float>> logit_bias;  // token id, bias
  /// Full names ("penalties", "top_k", ...), also when --sampling-seq gave letters.
  std::vector<std::string> samplers = {"penalties", "dry",   "top_n_sigma", "top_k",      "typ_p",
                                       "top_p",     "min_p", "xtc",         "temperature"};
  std::vector<std::string> stop;  // --reverse-prompt, escapes resolved
  // Of requests that bring no constraint of their own; at most one is set.
  std::string grammar;      // GBNF
  std::string json_schema;  // text of a JSON object, already checked
};

struct HttpOptions {
  std::string host = "127.0.0.1";  // ending in ".sock": a unix socket
  int port = 8080;                 // 0: any free one
  bool reuse_port = false;
  int timeout_s = 3600;          // of one socket read or write
  int sse_ping_interval_s = 30;  // comment lines in silent streams; -1: never
  std::string api_prefix;        // "" or "/p"
  std::string static_path;       // directory served below /
};

/// What one API key may use; 0: no limit.
struct ApiKeyLimit {
  std::string key;  // the key, "sha256:" and its hash in hex, or "*": every key not named
  double requests_per_minute = 0, tokens_per_minute = 0;
  int concurrent_requests = 0;
};

struct SecurityOptions {
  std::vector<std::string> api_keys;  // of --api-key; those of files: options::read_api_keys
  std::vector<std::string> api_key_files;
  std::string api_key_limits_file;
  std::string tls_key_file, tls_cert_file;  // both or neither
  std::string cors_origins = "*";           // counts only when given; see http::ServerSettings
  bool cors_origins_given = false;
  std::string cors_methods = "GET, POST, DELETE, OPTIONS", cors_headers = "*";
  bool cors_credentials = true;
  std::vector<std::string> allowed_hosts;  // Host headers accepted on loopback; "*": any
};

struct FeatureOptions {
  bool metrics = false, props = false, slots = true, ui = true;
  std::string ui_config = "{}";      // text of a JSON object, already checked
  bool suffix_first_infill = false;  // --spm-infill
  int sleep_idle_s = -1;  // the model leaves memory after so long without work; -1: never
};

/// Many models behind one port (src/router). On when no model is named and there is a directory, a
/// preset file or a download cache with models.
struct RouterOptions {
  std::string models_dir, preset;  // empty: none
  int max_models = 4;              // running at once; 0: no limit
  int memory_mib = 0;              // for all running models; 0: what the machine has, -1: no limit
  bool autoload = true;            // a request that names a model loads it
};

/// Embeddings and reranking.
struct VectorOptions {
  bool embeddings = false;  // also with reranking
  bool reranking = false;   // implies pooling "rank"
  std::string pooling;      // none, mean, cls, last, rank; empty: the model's
  int normalize = 2;        // default of the request field embd_normalize
};

struct ChatOptions {
  std::string chat_template;         // text or the name of a built-in one; empty: the model's
  std::string chat_template_source;  // content of --chat-template-file; beats chat_template
  std::string chat_template_kwargs = "{}";  // text of a JSON object, already checked
  bool prefill_assistant = true;
  bool special = false;                   // show control tokens in the output
  bool skip_parsing = false;              // replies are content, markup and all
  std::string reasoning_format = "auto";  // none, auto, deepseek, deepseek-legacy
  std::string reasoning = "auto";         // on, off, auto: as the template does
  int reasoning_budget = -1;              // most tokens of thought; -1: no limit
  std::string reasoning_budget_message;
  bool preserve_reasoning = false;  // the template keeps the reasoning of all turns
};

struct LogOptions {
  int verbosity = 3;  // 0 output, 1 error, 2 warning, 3 info, 4 and 5 debug
  std::string file;
  enum class Colors { automatic, on, off } colors = Colors::automatic;
  bool prefix = true, timestamps = true;
  bool disabled = false;
  std::string format = "text";  // or "json": one object a line
  std::string prompts_dir;      // every prompt becomes a file in it
  bool perf = false;            // timings of every request
};

/// The log of requests, which can be run again.
struct RequestLogOptions {
  std::string path;  // empty: none
  bool redact = false;
  int max_mib = 1024;  // then FILE becomes FILE.1, and that is forgotten
  std::string replay;  // run the requests of this file instead of serving
};

/// The variables that Vertex AI gives a container; see vertex_variables() in vertex.h.
struct VertexOptions {
  bool is_on = false;                                    // AIP_MODE=PREDICTION
  std::string predict_route = "/predict", health_route;  // of the latter: empty, none
};

struct Options {
  ModelOptions model;
  DownloadOptions download;
  RopeOptions rope;
  ContextOptions context;
  BatchOptions batch;
  ThreadOptions threads;
  GpuOptions gpu;
  SamplingOptions sampling;
  HttpOptions http;
  SecurityOptions security;
  FeatureOptions features;
  RouterOptions router;
  VectorOptions vectors;
  ChatOptions chat;
  LogOptions log;
  RequestLogOptions request_log;

  /// Flags which got a value from the environment or the command line, by their first long name
  /// ("--temp"). Sorted.
  std::vector<std::string> given;
  bool is_given(std::string_view flag) const;

  VertexOptions vertex;
};

namespace options {

/// The value of a variable, or nullptr. Tests bring their own.
using Environment = std::function<const char*(const char* name)>;
Environment process_environment();

struct ParseResult {
  enum class Action { run, help, version, cache_list, device_list } action = Action::run;
  Options options;
  std::vector<std::string> notices;  // lines for the log, once it is set up
};

/// Throws Error with one line: what was wrong and what would be right. Reads the files that flags
/// name (keys, template). `argv[0]` is skipped.
ParseResult parse(int argc, const char* const* argv, const Environment& environment);

/// The keys and limits that options and files give at this moment.
struct ApiKeys {
  std::vector<std::string> keys;  // empty: no check
  std::vector<ApiKeyLimit> limits;
};
/// parse() has read them once, for the errors; this is for the start and for every SIGHUP. Throws
/// Error that names the file and what is wrong in it.
ApiKeys read_api_keys(const SecurityOptions& security);

/// What --help and --version print.
std::string help(std::string_view program);
std::string version();
/// "0.1.0-1a2b3c4": version and commit, for /props.
std::string build_info();
/// docs/flags.md; a test keeps the file equal to this.
std::string options_markdown();

}  // namespace options
}  // namespace llm
