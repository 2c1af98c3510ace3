// Where downloaded models lie. Repositories use Hugging Face's own layout, so that its tools and
// this server share what either has downloaded:
//   models--USER--MODEL/blobs/<checksum>            contents
//   models--USER--MODEL/snapshots/<commit>/<path>   links to them
//   models--USER--MODEL/refs/main                   the commit seen last
//   .locks/models--USER--MODEL/<checksum>.lock
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/hub.h"
#include "hub/names.h"

namespace llm::hub {

/// LLAMA_CACHE, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub,
/// HOME/.cache/huggingface/hub: the first whose variable is not empty.
std::filesystem::path cache_directory(const Environment& environment);

/// A model of the hub that is there whole.
struct CachedModel {
  std::string name;                 // "user/model:Q4_K_M"; what --hf-repo takes
  std::string repo, quant;          // its two halves
  std::filesystem::path path;       // GGUF file; of a split model the first part
  std::uint64_t size = 0;           // bytes of all parts
  std::filesystem::path projector;  // empty when none is there
};

/// All of them, by name. A cache that does not exist is empty. Any thread.
std::vector<CachedModel> cached_models(const std::filesystem::path& cache);

/// Deletes a model: the links of its parts and the contents that no other link needs; the whole
/// repository when nothing else of it is left. False when there is no such model. Throws Error.
bool remove_cached(const std::filesystem::path& cache, const std::string& name);

/// The files of one repository.
class RepoCache {
 public:
  RepoCache(const std::filesystem::path& cache, const std::string& repo);

  std::filesystem::path blob(const std::string& blob) const { return folder_ / "blobs" / blob; }
  std::filesystem::path lock(const std::string& blob) const;
  std::filesystem::path file(const std::string& commit, const std::string& path) const {
    return folder_ / "snapshots" / commit / path;
  }

  /// Whether that file of that commit is there with its size.
  bool has(const std::string& commit, const RemoteFile& file) const;
  /// Makes a blob that is there visible as a file of the commit.
  void link(const std::string& commit, const RemoteFile& file) const;

  void set_main(const std::string& commit) const;
  /// Commits with files, the one of refs/main first.
  std::vector<std::string> commits() const;
  /// Files of that commit, by path.
  std::vector<RemoteFile> files(const std::string& commit) const;

 private:
  std::filesystem::path cache_, folder_;
};

}  // namespace llm::hub
