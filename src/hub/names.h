// Names of repositories and of the files in them: which quant a file is, which files belong
// together, which one is meant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm::hub {

struct RepoName {
  std::string repo;   // "user/model"
  std::string quant;  // what follows the colon; may be empty
};
/// "user/model[:quant]". Only characters that the hub allows pass, so that a name can be part of
/// an address and of a path. Throws Error that begins with `flag`.
RepoName parse_repo(std::string_view flag, std::string_view text);

struct DockerName {
  std::string repo;  // "ai/model"
  std::string tag;   // "latest" unless given
};
/// "[repo/]model[:tag]"
DockerName parse_docker(std::string_view flag, std::string_view text);

/// A path below a folder, without "..", empty parts, backslashes or control characters.
bool is_plain_path(std::string_view path);

/// "-00001-of-00003.gguf"
struct SplitName {
  std::string prefix;
  int part = 1, count = 1;

  std::string part_name(int part) const;
};
std::optional<SplitName> split_name(std::string_view path);

/// A GGUF file that can be served: no projector, no companion, of a split model the first part.
bool is_model(std::string_view path);

/// "dir/Model-UD-q4_k_m-00001-of-00002.gguf" -> "UD-Q4_K_M"; what follows the last '-' or '.' where
/// it is none of the usual quants.
std::string quant_of(std::string_view path);

/// A file as the hub lists it.
struct RemoteFile {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256;  // of large files; lower-case hexadecimal
  std::string blob;    // name of its content in the cache: the checksum, or Git's
};

struct Choice {
  std::vector<RemoteFile> parts;  // in order
  std::string projector;          // path of the file; may be empty
  bool is_preset = false;         // the one part is a file of settings for many models
};
/// The files that `name` means: `file` exactly, else the first of that quant (any case), else (no
/// quant given) the first Q4_K_M, else the first model, else preset.ini. Throws Error that says
/// what there is.
Choice choose_files(const RepoName& name, std::string_view file,
                    const std::vector<RemoteFile>& files);

}  // namespace llm::hub
