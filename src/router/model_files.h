// Where models lie: a directory of models, and the download cache. Internal to the room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llm::router {

struct FoundModel {
  std::string name;
  std::string path;       // of a split model its first part
  std::string projector;  // empty: none
};

/// X.gguf is the model X; a folder is a model by its name, made of the GGUF files in it. Of split
/// files the first part counts ("X-00001-of-00003.gguf" is X), "mmproj*" beside the model in a
/// folder is its projector, hidden names are passed over. Sorted by name; a name that comes twice
/// is the file's. Error when the directory cannot be read.
std::vector<FoundModel> scan_models_dir(const std::string& directory);

/// GGUF files of a download cache in the layout of Hugging Face's hub,
/// models--USER--REPO/snapshots/REVISION/FILE: "USER/REPO:QUANT". Of several revisions the one
/// that refs/main names counts. Empty when there is no such directory.
std::vector<FoundModel> scan_cache(const std::string& directory);

/// "Q4_K_M" of "some-model-Q4_K_M.gguf" or "model.Q4_K_M-00001-of-00002.gguf"; "" when the name
/// does not say.
std::string quant_of(std::string_view file_name);

}  // namespace llm::router
