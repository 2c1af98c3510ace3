// Models in a directory. Internal to the room but for FoundModel.
#pragma once

#include <string>
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

}  // namespace llm::router
