#include "router/model_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/log.h"

namespace llm::router {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".gguf";

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

struct FileName {
  std::string stem;  // without extension and part number
  int part = 0;      // 0: not split
};

/// Nullopt for names that are no GGUF file's.
std::optional<FileName> parse_name(std::string_view name) {
  if (!name.ends_with(kExtension) || name.starts_with('.')) return std::nullopt;
  name.remove_suffix(kExtension.size());
  if (name.empty()) return std::nullopt;
  constexpr std::string_view kPart = "-00001-of-00002";
  if (name.size() > kPart.size()) {
    const auto tail = name.substr(name.size() - kPart.size());
    if (tail[0] == '-' && is_digits(tail.substr(1, 5)) && tail.substr(6, 4) == "-of-" &&
        is_digits(tail.substr(10)))
      return FileName{std::string(name.substr(0, name.size() - kPart.size())),
                      std::stoi(std::string(tail.substr(1, 5)))};
  }
  return FileName{std::string(name), 0};
}

bool is_projector(const FileName& name) {
  return name.stem.starts_with("mmproj");
}

/// Sorted, so that what is chosen does not depend on the file system.
std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code ec;
  for (fs::directory_iterator it(directory, ec), end; !ec && it != end; it.increment(ec))
    out.push_back(it->path());
  if (ec) fail("cannot read the directory '{}': {}", directory.string(), ec.message());
  std::sort(out.begin(), out.end());
  return out;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The model in a folder; nullopt when there is none.
std::optional<FoundModel> model_of_folder(const fs::path& folder) {
  FoundModel found{.name = folder.filename().string()};
  int models = 0;
  for (const auto& path : entries_of(folder)) {
    const auto name = parse_name(path.filename().string());
    if (!name || !is_file(path) || name->part > 1) continue;
    std::string& to = is_projector(*name) ? found.projector : found.path;
    if (!is_projector(*name)) ++models;
    if (to.empty()) to = path.string();
  }
  if (found.path.empty()) return std::nullopt;
  if (models > 1)
    log::warn("{}: {} models in one folder, '{}' is served", folder.string(), models, found.path);
  return found;
}

}  // namespace

std::vector<FoundModel> scan_models_dir(const std::string& directory) {
  std::map<std::string, FoundModel> found;
  std::vector<FoundModel> folders;
  for (const auto& path : entries_of(directory)) {
    const std::string file_name = path.filename().string();
    if (file_name.starts_with('.')) continue;
    if (is_folder(path)) {
      if (auto model = model_of_folder(path)) folders.push_back(std::move(*model));
      continue;
    }
    const auto name = parse_name(file_name);
    if (!name || !is_file(path) || name->part > 1 || is_projector(*name)) continue;
    if (!found.emplace(name->stem, FoundModel{name->stem, path.string(), ""}).second)
      log::warn("{}: there is another model '{}' in this directory; passed over", path.string(),
                name->stem);
  }
  for (auto& model : folders) {
    if (found.contains(model.name))
      log::warn("{}: there is a file of the same name; the folder is passed over", model.path);
    else
      found.emplace(model.name, model);
  }
  std::vector<FoundModel> out;
  for (auto& [name, model] : found) out.push_back(std::move(model));
  return out;
}

}  // namespace llm::router
