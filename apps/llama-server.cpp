// llama-server: reads the options, listens, loads the model, serves until a signal comes.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "chat/template.h"
#include "compute/device.h"
#include "engine/engine.h"
#include "http/http.h"
#include "hub/cache.h"
#include "hub/hub.h"
#include "model/check_tensors.h"
#include "model/model.h"
#include "options/options.h"
#include "router/child_report.h"
#include "router/router.h"
#include "server/many.h"
#include "server/observe/replay.h"
#include "server/service.h"

namespace llm {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kStopDeadline = 10s;

/// Still: of the terminal that it was started from, if there was one.
bool has_terminal() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

/// The first SIGINT or SIGTERM is remembered, the second ends the process at once. SIGHUP calls
/// what on_hangup() was given; it ends the process when it means that the terminal was closed.
class StopSignal {
 public:
  /// Before any other thread starts: all inherit the blocked signals.
  StopSignal() {
    struct sigaction before {};
    sigaction(SIGHUP, nullptr, &before);
    ends_with_terminal_ = has_terminal() && before.sa_handler != SIG_IGN;  // nohup ignores it
    sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals_, number);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    signal(SIGPIPE, SIG_IGN);
    thread_ = std::thread([this] { watch(); });
  }
  ~StopSignal() {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  bool is_set() const { return count_.load() > 0; }
  void wait() const { count_.wait(0); }
  /// Called on the signals' thread; must not throw. Empty: nothing.
  void on_hangup(std::function<void()> reload) {
    const std::lock_guard lock(mutex_);
    reload_ = std::move(reload);
  }

 private:
  void watch() {
    for (int number = 0; sigwait(&signals_, &number) == 0 && number != SIGUSR1;) {
      if (number == SIGHUP && !(ends_with_terminal_ && !has_terminal())) {
        const std::lock_guard lock(mutex_);
        if (reload_) reload_();
        continue;
      }
      if (count_.fetch_add(1) > 0) std::_Exit(1);
      count_.notify_all();
    }
  }

  sigset_t signals_{};
  bool ends_with_terminal_ = false;
  std::mutex mutex_;
  std::function<void()> reload_;  // guarded by mutex_
  std::atomic<int> count_{0};
  std::thread thread_;
};

class Stopped {};  // a signal came while the model was being loaded

bool is_remote(const DownloadOptions& from) {
  return !from.hf_repo.empty() || !from.url.empty() || !from.docker_repo.empty();
}

/// Downloads the model unless it is in the cache.
hub::Fetched fetch_model(const DownloadOptions& from, const StopSignal& stop) {
  hub::Settings settings = hub::settings_from(options::process_environment());
  settings.stopped = [&stop] { return stop.is_set(); };
  hub::Fetched fetched = hub::fetch_model({.url = from.url,
                                           .docker_repo = from.docker_repo,
                                           .hf_repo = from.hf_repo,
                                           .hf_file = from.hf_file,
                                           .token = from.hf_token,
                                           .offline = from.offline},
                                          settings);
  if (fetched.is_preset)
    fail("{} holds no model but a preset of many: serve them with --models-preset {}", fetched.name,
         fetched.path.string());
  if (!fetched.projector.empty())
    log::info("{} comes with {}, which is not used: this version reads text only", fetched.name,
              fetched.projector);
  return fetched;
}

/// -m, or the demo model where a build tree or an installation has it.
hub::Fetched find_model(const Options& options, const StopSignal& stop) {
  if (is_remote(options.download)) return fetch_model(options.download, stop);
  if (!options.model.path.empty()) return {.path = options.model.path};
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& path :
       {program / "../../models/demo.gguf", program / "../share/llama-server/demo.gguf",
        fs::path("models/demo.gguf")}) {
    if (fs::exists(path, ignored)) return {.path = path.lexically_normal(), .name = "demo"};
  }
  fail("no model given and the demo model is not here; name one with --model FILE.gguf");
}

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

EngineSettings engine_settings(const Options& options) {
  return {.slots = std::max(options.context.slots, 0),
          .context = options.context.size,
          .unified_cache = is_unified(options.context),
          .batch = options.batch.size,
          .micro_batch = options.batch.micro_size,
          .key_type = cache_type("--cache-type-k", options.context.key_type),
          .value_type = cache_type("--cache-type-v", options.context.value_type),
          .context_shift = options.context.shift,
          .continuous_batching = options.batch.continuous,
          .slot_similarity = options.context.slot_similarity};
}

/// -1 and 0 mean "choose" on the command line; the device chooses at 0.
compute::CpuSettings cpu_settings(const ThreadOptions& threads) {
  const int logical = static_cast<int>(std::thread::hardware_concurrency());
  const auto count = [&](int wanted) { return wanted == 0 ? logical : std::max(wanted, 0); };
  return {.threads = count(threads.generation), .batch_threads = count(threads.batch)};
}

/// A router passes replies on without reading them, so it counts no tokens.
enum class Counting { requests_and_tokens, requests };

http::KeySet key_set(const SecurityOptions& security,
                     Counting counting = Counting::requests_and_tokens) {
  options::ApiKeys read = options::read_api_keys(security);
  http::KeySet set{.keys = std::move(read.keys), .limits = {}};
  for (const ApiKeyLimit& limit : read.limits) {
    if (limit.tokens_per_minute > 0 && counting == Counting::requests)
      fail("--api-key-limits: tokens_per_minute is not supported yet by a server of many models");
    set.limits.push_back({.key = limit.key,
                          .requests_per_minute = limit.requests_per_minute,
                          .tokens_per_minute = limit.tokens_per_minute,
                          .concurrent_requests = limit.concurrent_requests});
  }
  return set;
}

/// Keys, their limits and the certificate as their files are now. What cannot be read stays as it
/// was: a server never becomes open, or ends, by a reload.
void reload(http::Server& http, const SecurityOptions& security, Counting counting,
            bool had_keys) noexcept {
  try {
    const http::KeySet keys = key_set(security, counting);
    if (had_keys && keys.keys.empty()) {
      log::error("SIGHUP: the files hold no API key, those before stay");
    } else {
      http.set_keys(keys);
      log::info("SIGHUP: {} API keys, {} limits", keys.keys.size(), keys.limits.size());
    }
  } catch (const std::exception& error) {
    log::error("SIGHUP: the API keys stay as they are: {}", error.what());
  }
  try {
    http.reload_certificate();
    if (!security.tls_cert_file.empty()) log::info("SIGHUP: new connections get the certificate");
  } catch (const std::exception& error) {
    log::error("SIGHUP: the certificate stays as it is: {}", error.what());
  }
}

/// As long as it lives SIGHUP reads them anew.
class Reloading {
 public:
  Reloading(StopSignal& stop, http::Server& http, const SecurityOptions& security,
            Counting counting)
      : stop_(stop) {
    const bool had_keys = !key_set(security, counting).keys.empty();
    stop.on_hangup(
        [&http, &security, counting, had_keys] { reload(http, security, counting, had_keys); });
  }
  ~Reloading() { stop_.on_hangup({}); }
  Reloading(const Reloading&) = delete;
  Reloading& operator=(const Reloading&) = delete;

 private:
  StopSignal& stop_;
};

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

ControlVectors control_vectors(const ModelOptions& options) {
  ControlVectors control{
      .files = {}, .first_layer = options.control_first, .last_layer = options.control_last};
  for (const ScaledFile& file : options.control_vectors) {
    control.files.push_back({file.path, file.scale});
  }
  return control;
}

LoadOptions load_options(const Options& options, const StopSignal& stop,
                         const router::ChildReport& report) {
  const RopeOptions& rope = options.rope;
  return {.progress =
              [&stop, &report, begin = std::chrono::steady_clock::now(),
               shown = 0](float done) mutable {
                report.loading(done);
                const int tenths = static_cast<int>(done * 10);
                // A model that is there at once needs no progress.
                const bool is_slow = std::chrono::steady_clock::now() - begin > 500ms;
                if (is_slow && tenths > shown) log::info("loading the model: {} %", 10 * tenths);
                shown = std::max(shown, tenths);
                return !stop.is_set();
              },
          .context = is_unified(options.context) || options.context.slots < 1
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

void apply_overrides(const ModelOptions& options, gguf::Metadata& metadata) {
  for (const MetadataOverride& one : options.overrides) {
    std::visit([&](const auto& value) { metadata.set(one.key, gguf::Value{value}); }, one.value);
  }
}

/// The command line's template, else the model's, else ChatML.
std::shared_ptr<const chat::Template> chat_template(const ChatOptions& options,
                                                    const gguf::Metadata& metadata) {
  if (!options.chat_template_source.empty()) {
    return chat::Template::compile(options.chat_template_source);
  }
  if (!options.chat_template.empty()) {
    const char* builtin = chat::builtin_template(options.chat_template);
    return chat::Template::compile(builtin != nullptr ? builtin : options.chat_template);
  }
  if (const auto source = metadata.get<std::string>("tokenizer.chat_template")) {
    try {
      return chat::Template::compile(*source);
    } catch (const Error& error) {
      log::warn("the model's chat template does not compile, ChatML is used: {}", error.what());
    }
  }
  return chat::Template::compile(chat::builtin_template("chatml"));
}

/// One token through the whole model: touches the weights and starts the threads.
void warm_up(Model& model, compute::Device& device) {
  const auto pool =
      device.make_kv_pool(model.kv_layout(quant::Type::f32, quant::Type::f32), /*page_count=*/1);
  const TokenId token = 0;
  const compute::PageId page{};
  const BatchSequence sequence{.tokens = {&token, 1}, .pages = {&page, 1}};
  if (model.info().has_logits) {
    model.forward({&sequence, 1}, *pool);
  } else {
    model.embed({&sequence, 1}, *pool);
  }
}

/// How long the steps of something take.
class Laps {
 public:
  void take(const char* name) {
    const auto now = std::chrono::steady_clock::now();
    fields_.push_back({name, std::chrono::duration<double, std::milli>(now - last_).count()});
    last_ = now;
  }
  const std::vector<log::Field>& fields() const { return fields_; }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::vector<log::Field> fields_;
};

/// A model and what runs it, in the order in which they depend on each other.
struct Loaded {
  Loaded(const Options& options, const StopSignal& stop, const router::ChildReport& report)
      : Loaded(options, stop, report, find_model(options, stop)) {}

  Loaded(const Options& options, const StopSignal& stop, const router::ChildReport& report,
         const hub::Fetched& source)
      : path(source.path.string()),
        name(source.name.empty() ? path : source.name),
        file(gguf::File::open(
            path, {.use_mmap = options.model.use_mmap, .lock = options.model.lock_memory})),
        device(compute::make_cpu_device(cpu_settings(options.threads))) {
    Laps laps;
    apply_overrides(options.model, file.metadata());
    if (options.model.check_tensors) check_tensors(file);
    laps.take("check_ms");
    tokenizer = Tokenizer::load(file.metadata());
    laps.take("tokenizer_ms");
    model = Model::load(file, *device, load_options(options, stop, report));
    laps.take("weights_ms");
    if (stop.is_set()) throw Stopped{};
    if (options.model.warm_up) warm_up(*model, *device);
    laps.take("warm_up_ms");
    engine = Engine::start(*model, *tokenizer, *device, engine_settings(options));
    for (const ScaledFile& one : options.model.lora) {
      engine->load_adapter(one.path, one.scale, /*name=*/"", options.model.lora_apply);
      log::info("adapter {} at scale {:g}{}", one.path, one.scale,
                options.model.lora_apply ? "" : ", not applied");
    }
    laps.take("engine_ms");
    if (options.log.perf) log::write(log::Level::info, "", "timings of loading", laps.fields());
  }

  std::string path, name;
  gguf::File file;
  std::unique_ptr<compute::Device> device;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Model> model;
  std::unique_ptr<Engine> engine;
};

/// Loads the model and makes of it what requests are served with, which owns it.
std::shared_ptr<server::Serving> load(const Options& options, const StopSignal& stop,
                                      const router::ChildReport& report) {
  const auto begin = std::chrono::steady_clock::now();
  const auto loaded = std::make_shared<Loaded>(options, stop, report);
  auto serving = std::make_shared<server::Serving>(
      options, server::make_card(options.model, loaded->name, loaded->path, loaded->model->info()),
      loaded->file.metadata(), *loaded->tokenizer, *loaded->engine,
      chat_template(options.chat, loaded->file.metadata()), loaded);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  log::info("{}: {} slots of {} tokens, loaded in {:.2f} s", loaded->path,
            loaded->engine->slot_count(), loaded->engine->slot_context(), took.count());
  return serving;
}

/// --perf: what the batches since start were like.
void log_batches(const EngineStats& stats) {
  const auto mean = [](const HistogramValues& values) {
    return values.count() > 0 ? values.sum / static_cast<double>(values.count()) : 0;
  };
  constexpr double kMs = 1000;
  const log::Field fields[] = {{"batches", stats.decode_calls},
                               {"mean_tokens", mean(stats.histograms.step_tokens)},
                               {"mean_sequences", mean(stats.histograms.step_sequences)},
                               {"mean_ms", kMs * mean(stats.histograms.step_seconds)}};
  log::write(log::Level::info, "", "timings of batches", fields);
}

void serve(const Options& options, StopSignal& stop) {
  const router::ChildReport report;
  server::Service service(options);
  http::ServerSettings settings = http_settings(options);
  settings.observer = [&service](const http::Answered& one) { service.observer().answered(one); };
  http::Server http(std::move(settings), service.routes());
  const Reloading reloading(stop, http, options.security, Counting::requests_and_tokens);
  http.run_in_background();
  log::info("listening on {}", http.address());
  service.set_serving(load(options, stop, report),
                      {.load = [&] { return load(options, stop, report); },
                       .fell_asleep = [&] { report.sleeping(); },
                       .woke_up = [&] { report.ready(); }});
  http.set_ready(true);
  log::info("ready: {}", http.address());
  report.ready();

  stop.wait();
  log::info("stopping: running requests get {} s", kStopDeadline.count());
  service.stop();
  http.stop(kStopDeadline);
  if (options.log.perf) log_batches(service.stats());
}

/// Exit code: 0 when every request could be run again and gave the same.
int replay(const Options& options, const StopSignal& stop) {
  server::Replay replay(options.request_log.replay);
  server::Service service(options);
  service.set_serving(load(options, stop, router::ChildReport()));
  const server::Replay::Summary summary = replay.run(service, [&] { return stop.is_set(); });
  std::fputs(summary.text.c_str(), stdout);
  constexpr int kSomeDiffer = 2;
  return summary.is_same ? 0 : kSomeDiffer;
}

void list_cache() {
  const auto models = hub::cached_models(hub::cache_directory(options::process_environment()));
  std::printf("number of models in cache: %zu\n", models.size());
  for (std::size_t i = 0; i < models.size(); ++i)
    std::printf("%4zu. %s\n", i + 1, models[i].name.c_str());
}

int run(int argc, char** argv) {
  const auto parsed = options::parse(argc, argv, options::process_environment());
  using Action = options::ParseResult::Action;
  if (parsed.action == Action::cache_list) {
    list_cache();
    return 0;
  }
  if (parsed.action != Action::run) {
    const std::string text =
        parsed.action == Action::help ? options::help(argv[0]) : options::version();
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  log::set_up(log_settings(parsed.options.log));
  for (const std::string& notice : parsed.notices) log::warn("{}", notice);
  StopSignal stop;
  try {
    if (!parsed.options.request_log.replay.empty()) return replay(parsed.options, stop);
    const router::ModelStore store = model_store(parsed.options.download);
    if (router::serves_many(parsed.options, store)) {
      key_set(parsed.options.security, Counting::requests);  // for its errors
      serve_many(
          {.options = parsed.options,
           .store = store,
           .command_line = options::Settings::from_arguments(argc, argv),
           .environment = options::Settings::from_environment(options::process_environment()),
           .http = http_settings(parsed.options),
           .stop_deadline = kStopDeadline},
          [&](http::Server& http) {
            const Reloading reloading(stop, http, parsed.options.security, Counting::requests);
            stop.wait();
          });
    } else {
      for (const char* flag :
           {"--models-dir", "--models-preset", "--models-max", "--models-memory"})
        if (parsed.options.is_given(flag)) log::warn("{} has no effect: one model is served", flag);
      serve(parsed.options, stop);
    }
  } catch (const Stopped&) {
  } catch (const Error&) {
    if (!stop.is_set()) throw;  // loading was given up because of the signal
  }
  return 0;
}

}  // namespace
}  // namespace llm

int main(int argc, char** argv) {
  try {
    return llm::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama-server: %s\n", error.what());
    return 1;
  }
}
