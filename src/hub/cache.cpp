#include "hub/cache.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "hub/part_file.h"

namespace llm::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "models--";
constexpr int kMaxDepth = 8;  // of folders in a repository

/// "user/model" -> "models--user--model"
std::string folder_of(const std::string& repo) {
  const auto slash = repo.find('/');
  return fmt::format("{}{}--{}", kFolderPrefix, repo.substr(0, slash), repo.substr(slash + 1));
}

/// Empty when the folder is none of a model.
std::string repo_of(std::string folder) {
  if (!folder.starts_with(kFolderPrefix)) return {};
  folder.erase(0, kFolderPrefix.size());
  const auto middle = folder.find("--");
  if (middle == folder.npos) return {};
  const std::string repo = folder.substr(0, middle) + "/" + folder.substr(middle + 2);
  try {
    return parse_repo("", repo).repo;
  } catch (const Error&) {
    return {};
  }
}

std::vector<fs::path> children(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end;
       at.increment(problem))
    out.push_back(at->path());
  std::sort(out.begin(), out.end());
  return out;
}

/// Parts of the model that begins with `file`; empty when one is missing.
std::vector<RemoteFile> whole_model(const std::string& repo, const std::string& path,
                                    const std::vector<RemoteFile>& files) {
  try {
    return choose_files({repo, ""}, path, files).parts;
  } catch (const Error&) {
    return {};
  }
}

struct Found {
  CachedModel model;
  std::string commit;
  std::vector<RemoteFile> parts;
};

std::vector<Found> models_of(const fs::path& cache, const std::string& repo) {
  const RepoCache repository(cache, repo);
  std::vector<Found> out;
  std::set<std::string> names;
  for (const std::string& commit : repository.commits()) {
    const auto files = repository.files(commit);
    for (const RemoteFile& file : files) {
      if (!is_model(file.path)) continue;
      auto parts = whole_model(repo, file.path, files);
      const std::string quant = quant_of(file.path);
      if (parts.empty() || !names.insert(quant).second) continue;
      CachedModel model{.name = repo + ":" + quant,
                        .repo = repo,
                        .quant = quant,
                        .path = repository.file(commit, file.path)};
      for (const RemoteFile& part : parts) model.size += part.size;
      const auto projector = choose_files({repo, ""}, file.path, files).projector;
      if (!projector.empty()) model.projector = repository.file(commit, projector);
      out.push_back({std::move(model), commit, std::move(parts)});
    }
  }
  return out;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

fs::path cache_directory(const Environment& environment) {
  struct Place {
    const char* variable;
    const char* below;
  };
  constexpr Place kPlaces[] = {{"LLAMA_CACHE", ""},
                               {"HF_HUB_CACHE", ""},
                               {"HUGGINGFACE_HUB_CACHE", ""},
                               {"HF_HOME", "hub"},
                               {"XDG_CACHE_HOME", "huggingface/hub"},
                               {"HOME", ".cache/huggingface/hub"}};
  for (const auto& [variable, below] : kPlaces) {
    const char* text = environment(variable);
    if (!text || !*text) continue;
    return (*below ? fs::path(text) / below : fs::path(text)).lexically_normal();
  }
  fail("there is no place for downloads: set LLAMA_CACHE to a folder");
}

std::vector<CachedModel> cached_models(const fs::path& cache) {
  std::vector<CachedModel> models;
  for (const fs::path& folder : children(cache)) {
    const std::string repo = repo_of(folder.filename());
    if (repo.empty()) continue;
    for (Found& found : models_of(cache, repo)) models.push_back(std::move(found.model));
  }
  std::sort(models.begin(), models.end(),
            [](const CachedModel& a, const CachedModel& b) { return a.name < b.name; });
  return models;
}

bool remove_cached(const fs::path& cache, const std::string& name) {
  const RepoName wanted = parse_repo("model", name);
  const RepoCache repository(cache, wanted.repo);
  const fs::path folder = cache / folder_of(wanted.repo);
  auto models = models_of(cache, wanted.repo);
  const auto is_meant = [&](const Found& found) {
    return wanted.quant.empty() || lower(found.model.quant) == lower(wanted.quant);
  };
  const auto kept = std::partition(models.begin(), models.end(), is_meant);
  if (kept == models.begin()) return false;
  if (kept == models.end()) {
    fs::remove_all(folder);
    return true;
  }
  std::set<fs::path> orphans;
  std::error_code ignored;
  for (auto found = models.begin(); found != kept; ++found) {
    for (const RemoteFile& part : found->parts) {
      const fs::path link = repository.file(found->commit, part.path);
      if (fs::is_symlink(link, ignored)) orphans.insert(fs::weakly_canonical(link, ignored));
      fs::remove(link);
    }
  }
  for (const std::string& commit : repository.commits())
    for (const RemoteFile& file : repository.files(commit))
      orphans.erase(fs::weakly_canonical(repository.file(commit, file.path), ignored));
  // A link may point anywhere; only this repository's contents are ours to delete.
  const fs::path blobs = fs::weakly_canonical(folder / "blobs", ignored);
  for (const fs::path& orphan : orphans)
    if (orphan.parent_path() == blobs) fs::remove(orphan);
  return true;
}

RepoCache::RepoCache(const fs::path& cache, const std::string& repo)
    : cache_(cache), folder_(cache / folder_of(repo)) {}

fs::path RepoCache::lock(const std::string& blob) const {
  return cache_ / ".locks" / folder_.filename() / (blob + ".lock");
}

bool RepoCache::has(const std::string& commit, const RemoteFile& file) const {
  std::error_code problem;
  const auto size = fs::file_size(this->file(commit, file.path), problem);
  return !problem && size == file.size;
}

void RepoCache::link(const std::string& commit, const RemoteFile& remote) const {
  const fs::path link = file(commit, remote.path), target = blob(remote.blob);
  fs::create_directories(link.parent_path());
  const fs::path fresh = link.string() + fmt::format(".{}.new", ::getpid());
  std::error_code problem;
  fs::remove(fresh, problem);
  fs::create_symlink(target.lexically_relative(link.parent_path()), fresh, problem);
  // File systems without links of either kind get a copy.
  if (problem) fs::create_hard_link(target, fresh, problem);
  if (problem) fs::copy_file(target, fresh, problem);
  if (!problem) fs::rename(fresh, link, problem);
  if (problem) fail("cannot write '{}': {}", link.string(), problem.message());
}

void RepoCache::set_main(const std::string& commit) const {
  write_file(folder_ / "refs" / "main", commit);
}

std::vector<std::string> RepoCache::commits() const {
  std::vector<std::string> out;
  for (const fs::path& folder : children(folder_ / "snapshots")) out.push_back(folder.filename());
  std::string main = read_small_file(folder_ / "refs" / "main").value_or("");
  while (!main.empty() && (main.back() == '\n' || main.back() == '\r')) main.pop_back();
  std::stable_partition(out.begin(), out.end(), [&](const auto& one) { return one == main; });
  return out;
}

std::vector<RemoteFile> RepoCache::files(const std::string& commit) const {
  const fs::path root = folder_ / "snapshots" / commit;
  std::vector<RemoteFile> out;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(root, problem), end; !problem && at != end;
       at.increment(problem)) {
    if (at.depth() > kMaxDepth) at.disable_recursion_pending();
    std::error_code none;  // also of links to nowhere
    const auto size = at->is_regular_file(none) ? at->file_size(none) : 0;
    if (!none && at->is_regular_file(none))
      out.push_back({.path = at->path().lexically_relative(root).generic_string(), .size = size});
  }
  std::sort(out.begin(), out.end(),
            [](const RemoteFile& a, const RemoteFile& b) { return a.path < b.path; });
  return out;
}

}  // namespace llm::hub
