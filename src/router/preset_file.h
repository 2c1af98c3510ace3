// Preset files: INI with one section per model, "[*]" for all, keys that are options without their
// dashes. Internal to the room, but for PresetOrigin.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "options/settings.h"

namespace llm::router {

struct Preset {
  options::Settings settings;
  // Keys of preset files only: how the router treats the model.
  std::optional<bool> load_on_startup;
  std::optional<int> stop_timeout_s;
  std::optional<bool> pinned;  // never unloaded to make room

  void lay_over(const Preset& stronger);
};

struct PresetFile {
  Preset all;
  std::map<std::string, Preset> models;
};

/// Whose words the file is: the operator's may do what the command line may. One that came with a
/// repository names models of repositories and shapes what they generate; it reaches no file, no
/// address and no log of this machine.
enum class PresetOrigin { operators_own, repository };

/// Comments begin with ';' or '#' at the start of a line; "version = ..." above the first section
/// says nothing; a section that comes again goes on. Error "NAME:LINE: ..." for what is no INI, an
/// unknown key, one that the origin may not use, or a switch without a boolean word.
PresetFile parse_preset_file(std::string_view text, const std::string& name,
                             PresetOrigin origin = PresetOrigin::operators_own);
/// Error also when the file cannot be read.
PresetFile read_preset_file(const std::string& path, PresetOrigin origin);

}  // namespace llm::router
