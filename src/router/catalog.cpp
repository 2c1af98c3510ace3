#include "router/catalog.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "router/preset_file.h"

namespace llm::router {
namespace {

/// Flags of the router itself: of its door, of the choice of models, of its log.
constexpr std::array kOwnFlags = {"--host",           "--port",
                                  "--reuse-port",     "--api-prefix",
                                  "--api-key",        "--api-key-file",
                                  "--api-key-limits", "--ssl-key-file",
                                  "--ssl-cert-file",  "--allowed-hosts",
                                  "--cors-origins",   "--cors-methods",
                                  "--cors-headers",   "--cors-credentials",
                                  "--path",           "--models-dir",
                                  "--models-preset",  "--models-max",
                                  "--models-memory",  "--models-autoload",
                                  "--log-file"};

/// Any of these says where a model is.
constexpr std::array kModelFlags = {"--model", "--model-url", "--docker-repo", "--hf-repo"};

options::Settings without_own_flags(options::Settings settings) {
  for (const char* flag : kOwnFlags) settings.erase(flag);
  return settings;
}

void warn_of_own_flags(const std::string& section, const options::Settings& settings) {
  for (const char* flag : kOwnFlags)
    if (settings.has(flag))
      log::warn("preset [{}]: {} has no effect, it is the router's", section, flag);
}

bool names_a_model(const options::Settings& settings) {
  return std::any_of(kModelFlags.begin(), kModelFlags.end(),
                     [&](const char* flag) { return settings.has(flag); });
}

struct Draft {
  Source source;
  Preset preset;  // of the directory, then of the section
};

void add_found(const std::vector<FoundModel>& models, Source source,
               std::map<std::string, Draft>& drafts) {
  for (const auto& model : models) {
    Draft draft{.source = source, .preset = {}};
    draft.preset.settings.set("--model", model.path);
    if (!model.projector.empty()) {
      if (options::is_supported("--mmproj"))
        draft.preset.settings.set("--mmproj", model.projector);
      else
        log::warn("{}: its projector is not used, images are not supported yet", model.name);
    }
    drafts.insert_or_assign(model.name, std::move(draft));
  }
}

CatalogEntry make_entry(const std::string& name, const Draft& draft, const Preset& all,
                        const CatalogSources& sources) {
  Preset merged;
  merged.settings = sources.environment;
  merged.lay_over(all);
  merged.lay_over(draft.preset);
  options::Settings of_all = sources.command_line;
  of_all.erase("--alias");  // a name for one model cannot be that of all
  merged.settings.lay_over(of_all);
  merged.settings = without_own_flags(std::move(merged.settings));
  if (!draft.preset.settings.has("--alias")) merged.settings.erase("--alias");

  CatalogEntry entry{.name = name, .source = draft.source};
  try {
    if (!names_a_model(merged.settings))
      fail("it names no model; add model = FILE.gguf, or put the model into --models-dir");
    entry.options = merged.settings.parse();
  } catch (const Error& error) {
    fail("model '{}': {}", name, error.what());
  }
  entry.aliases = entry.options.model.aliases;
  std::erase(entry.aliases, name);
  entry.tags = entry.options.model.tags;
  merged.settings.erase("--alias");
  entry.settings = merged.settings;
  entry.load_on_startup = merged.load_on_startup.value_or(false);
  entry.stop_timeout_s = merged.stop_timeout_s.value_or(entry.stop_timeout_s);
  entry.is_pinned = merged.pinned.value_or(false);

  merged.settings.erase("--tags");
  if (merged.settings.has("--hf-token")) merged.settings.set("--hf-token", "<hidden>");
  entry.preset = fmt::format("[{}]\n{}", name, merged.settings.ini());
  if (merged.load_on_startup)
    entry.preset += fmt::format("load-on-startup = {}\n", *merged.load_on_startup);
  if (merged.stop_timeout_s)
    entry.preset += fmt::format("stop-timeout = {}\n", *merged.stop_timeout_s);
  if (merged.pinned) entry.preset += fmt::format("pinned = {}\n", *merged.pinned);
  entry.preset += "\n";
  return entry;
}

void check_names(const Catalog& catalog) {
  std::map<std::string, std::string> owners;
  for (const auto& [name, entry] : catalog) owners.emplace(name, name);
  for (const auto& [name, entry] : catalog) {
    for (const auto& alias : entry.aliases) {
      const auto [owner, is_new] = owners.emplace(alias, name);
      if (!is_new)
        fail("model '{}': its alias '{}' is a name of the model '{}', too", name, alias,
             owner->second);
    }
  }
}

}  // namespace

Catalog read_catalog(const CatalogSources& sources) {
  std::map<std::string, Draft> drafts;
  add_found(sources.cached, Source::cache, drafts);
  if (!sources.models_dir.empty())
    add_found(scan_models_dir(sources.models_dir), Source::models_dir, drafts);
  PresetFile file;
  if (!sources.preset_path.empty())
    file = read_preset_file(sources.preset_path, sources.preset_origin);
  warn_of_own_flags("*", file.all.settings);
  if (file.all.settings.has("--alias")) fail("preset [*]: an alias is the name of one model");
  for (const auto& [name, preset] : file.models) {
    warn_of_own_flags(name, preset.settings);
    auto& draft = drafts[name];
    draft.source = Source::preset;
    draft.preset.lay_over(preset);
  }
  Catalog catalog;
  for (const auto& [name, draft] : drafts)
    catalog.emplace(name, make_entry(name, draft, file.all, sources));
  check_names(catalog);
  return catalog;
}

}  // namespace llm::router
