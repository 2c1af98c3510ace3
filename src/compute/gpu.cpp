#include "compute/gpu.h"

#include <dlfcn.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "compute/cuda/plugin.h"

namespace llm::compute {
namespace {

namespace fs = std::filesystem;

struct Library {
  const cuda::Plugin* plugin = nullptr;
  std::string problem;  // why there is none
};

/// Where the library is, or would be.
fs::path place_of_library() {
  if (const char* named = std::getenv(cuda::kPluginVariable)) return named;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const char* folder : {".", "../lib"}) {
    const fs::path place = program / folder / cuda::kPluginFile;
    if (fs::exists(place, ignored)) return place;
  }
  return cuda::kPluginFile;  // wherever the system looks
}

Library open_library(const fs::path& place) {
  // Never closed: devices and errors of the library may live until the program ends.
  void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string problem = dlerror();
    const bool is_absent = place == cuda::kPluginFile;
    return {nullptr, is_absent ? fmt::format("{} is not there: built without CUDA", place.string())
                               : problem};
  }
  using Entry = const cuda::Plugin* (*)();
  if (const auto entry = reinterpret_cast<Entry>(dlsym(library, cuda::kPluginEntry))) {
    return {entry(), ""};
  }
  return {nullptr, fmt::format("{} belongs to another version", place.string())};
}

const Library& library() {
  static const Library opened = open_library(place_of_library());
  return opened;
}

std::string id_of(std::size_t index) {
  return "CUDA" + std::to_string(index);
}

}  // namespace

std::string gpu_id(std::string_view spelled) {
  std::string id;
  for (const char c : spelled) {
    if (c != ':') id += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return id;
}

std::vector<GpuInfo> list_gpus() {
  if (library().plugin == nullptr) return {};
  std::vector<GpuInfo> list;
  try {
    for (const cuda::Gpu& gpu : library().plugin->gpus()) {
      list.push_back({id_of(list.size()), gpu.name, gpu.total_bytes, gpu.free_bytes});
    }
  } catch (const Error&) {
    return {};  // why_no_gpu() says it
  }
  return list;
}

std::string why_no_gpu() {
  if (library().plugin == nullptr) return library().problem;
  try {
    return library().plugin->gpus().empty() ? "the driver knows none" : "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::unique_ptr<Device> make_gpu_device(std::string_view id) {
  const std::vector<GpuInfo> gpus = list_gpus();
  if (gpus.empty()) fail("there is no GPU '{}': {}", id, why_no_gpu());
  std::string ids;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (gpus[i].id == gpu_id(id)) return library().plugin->make_device(static_cast<int>(i));
    ids += (i > 0 ? ", " : "") + gpus[i].id;
  }
  fail("there is no GPU '{}', only {}", id, ids);
}

}  // namespace llm::compute
