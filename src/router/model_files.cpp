#include "router/model_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
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

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
  return line;
}

/// The folder with the files of a cached repository; empty when there is none.
fs::path snapshot_of(const fs::path& repository) {
  const auto revision = first_line(repository / "refs" / "main");
  if (!revision.empty() && revision.find('/') == revision.npos) {
    const auto snapshot = repository / "snapshots" / revision;
    if (is_folder(snapshot)) return snapshot;
  }
  fs::path last;
  if (!is_folder(repository / "snapshots")) return last;
  for (const auto& path : entries_of(repository / "snapshots"))
    if (is_folder(path)) last = path;
  return last;
}

void add_repository(const fs::path& snapshot, const std::string& name,
                    std::vector<FoundModel>& out) {
  std::string projector;
  const auto first = out.size();
  for (const auto& path : entries_of(snapshot)) {
    const auto file = parse_name(path.filename().string());
    // A link whose blob is missing is a download that was not finished.
    if (!file || !is_file(path) || file->part > 1) continue;
    if (is_projector(*file)) {
      if (projector.empty()) projector = path.string();
      continue;
    }
    const auto quant = quant_of(path.filename().string());
    out.push_back({quant.empty() ? name : name + ":" + quant, path.string(), ""});
  }
  for (auto i = first; i < out.size(); ++i) out[i].projector = projector;
}

}  // namespace

std::string quant_of(std::string_view file_name) {
  const auto file = parse_name(file_name);
  if (!file) return {};
  const auto mark = file->stem.find_last_of("-.");
  if (mark == std::string::npos) return {};
  std::string last = file->stem.substr(mark + 1);
  for (char& c : last) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  // Q4_K_M, IQ2_XXS, TQ1_0, MXFP4, BF16, F16: letters of a kind, then a digit.
  for (const std::string_view kind : {"IQ", "TQ", "Q", "MXFP", "NVFP", "BF", "F"}) {
    const std::string_view rest = std::string_view(last).substr(std::min(kind.size(), last.size()));
    if (last.starts_with(kind) && !rest.empty() &&
        std::isdigit(static_cast<unsigned char>(rest.front())))
      return last;
  }
  return {};
}

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

std::vector<FoundModel> scan_cache(const std::string& directory) {
  std::vector<FoundModel> out;
  if (directory.empty() || !is_folder(directory)) return out;
  constexpr std::string_view kPrefix = "models--";
  for (const auto& path : entries_of(directory)) {
    std::string name = path.filename().string();
    if (!name.starts_with(kPrefix) || !is_folder(path)) continue;
    name.erase(0, kPrefix.size());
    const auto mark = name.find("--");
    if (mark == std::string::npos || mark == 0) continue;
    name.replace(mark, 2, "/");
    if (const auto snapshot = snapshot_of(path); !snapshot.empty())
      add_repository(snapshot, name, out);
  }
  // Two files of one quantisation (say, of two sizes): the first one.
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  out.erase(std::unique(out.begin(), out.end(),
                        [](const auto& a, const auto& b) { return a.name == b.name; }),
            out.end());
  return out;
}

}  // namespace llm::router
