#include "server/loading.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "chat/template.h"
#include "compute/device.h"
#include "cpu_settings.h"
#include "devices.h"
#include "engine/engine.h"
#include "engine/sizes.h"
#include "engine/slot_file.h"
#include "hub/hub.h"
#include "model/check_tensors.h"
#include "model/model.h"
#include "server/settings.h"

namespace llm {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

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
    fail(
        "{} holds no model but a preset of many, which one model cannot be: name one of its models",
        fetched.name);
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

/// Shows how far loading is; false gives it up.
std::function<bool(float)> progress_shown(const StopSignal& stop,
                                          const router::ChildReport& report) {
  return [&stop, &report, begin = std::chrono::steady_clock::now(), shown = 0](float done) mutable {
    report.loading(done);
    const int tenths = static_cast<int>(done * 10);
    // A model that is there at once needs no progress.
    const bool is_slow = std::chrono::steady_clock::now() - begin > 500ms;
    if (is_slow && tenths > shown) log::info("loading the model: {} %", 10 * tenths);
    shown = std::max(shown, tenths);
    return !stop.is_set();
  };
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
            path, {.use_mmap = options.model.use_mmap, .lock = options.model.lock_memory})) {
    Laps laps;
    apply_overrides(options.model, file.metadata());
    if (options.model.check_tensors) check_tensors(file);
    laps.take("check_ms");
    EngineSettings settings = engine_settings(options);
    ChosenDevice chosen = choose_device({.gpu = options.gpu,
                                         .cpu = cpu_settings(options.threads),
                                         .context = settings.context,
                                         .key_type = settings.key_type,
                                         .value_type = settings.value_type,
                                         .step_tokens = tokens_per_step(settings)},
                                        file);
    device = std::move(chosen.device);
    settings.context = chosen.context;
    laps.take("device_ms");
    tokenizer = Tokenizer::load(file.metadata());
    laps.take("tokenizer_ms");
    LoadOptions how = load_options(options);
    how.progress = progress_shown(stop, report);
    model = Model::load(file, *device, how);
    laps.take("weights_ms");
    if (stop.is_set()) throw Stopped{};
    if (options.context.cache_reuse > 0 && !model->info().fixed_keys.empty()) {
      fail(
          "--cache-reuse: cached keys of this model cannot move to other positions ({}); leave it "
          "out",
          model->info().fixed_keys);
    }
    // On a thread of its own: whoever runs a step takes the place and priority of --cpu-mask and
    // --prio, and this one has other things to do later.
    if (options.model.warm_up)
      std::async(std::launch::async, [this] { warm_up(*model, *device); }).get();
    laps.take("warm_up_ms");
    if (!options.context.slot_save_path.empty()) clean_slot_folder(options.context.slot_save_path);
    engine = Engine::start(*model, *tokenizer, *device, settings);
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

}  // namespace

std::shared_ptr<server::Serving> load(const Options& options, const StopSignal& stop,
                                      const router::ChildReport& report) {
  const auto begin = std::chrono::steady_clock::now();
  const auto loaded = std::make_shared<Loaded>(options, stop, report);
  auto serving = std::make_shared<server::Serving>(
      options, server::make_card(options.model, loaded->name, loaded->path, loaded->model->info()),
      loaded->file.metadata(), *loaded->tokenizer, *loaded->engine,
      chat_template(options.chat, loaded->file.metadata()), loaded);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  log::info("{}: {} slots of {} tokens, loaded in {:.2f} s; {}", loaded->path,
            loaded->engine->slot_count(), loaded->engine->slot_context(), took.count(),
            loaded->device->description());
  return serving;
}

}  // namespace llm
