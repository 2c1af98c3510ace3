// The models that can be served and how each is started, from all sources: what was found in
// directories, the preset file, the command line and the environment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "options/settings.h"
#include "router/model_files.h"
#include "router/preset_file.h"

namespace llm::router {

enum class Source { cache, models_dir, preset };

struct CatalogEntry {
  std::string name;
  std::vector<std::string> aliases, tags;
  Source source = Source::preset;
  options::Settings settings;  // of the child, but for where it listens and its alias
  Options options;             // these, parsed
  std::string preset;          // the settings as a section, with the keys of preset files
  bool load_on_startup = false;
  int stop_timeout_s = 10;
  bool is_pinned = false;
};

struct CatalogSources {
  std::string models_dir, preset_path;  // empty: none
  PresetOrigin preset_origin = PresetOrigin::operators_own;
  options::Settings command_line, environment;
  std::vector<FoundModel> cached;
};

/// By name.
using Catalog = std::map<std::string, CatalogEntry>;

/// A model's settings are, from the weakest: environment, [*], its section, command line. What
/// belongs to the router's own door (address, keys, TLS, CORS) is left out. Error that names the
/// file and section, or the model, at fault: unknown keys, bad values, a section without a model,
/// one name for two models.
Catalog read_catalog(const CatalogSources& sources);

}  // namespace llm::router
