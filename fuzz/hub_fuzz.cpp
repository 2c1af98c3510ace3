// What a hub or a registry sends, and names of repositories: any bytes end in values that are safe
// as paths, or in an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "hub/docker.h"
#include "hub/names.h"
#include "hub/repository.h"

namespace {

void refuse_or(auto&& work) {
  try {
    work();
  } catch (const llm::Error&) {
    // the usual end
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm::hub;
  const std::string text(reinterpret_cast<const char*>(data), size);
  refuse_or([&] {
    const auto files = parse_tree(text);
    for (const RemoteFile& file : files)
      if (!is_plain_path(file.path) || file.blob.find('/') != std::string::npos) std::abort();
    choose_files({"a/b", ""}, "", files);
  });
  refuse_or([&] {
    if (model_layer(text, "x").sha256.size() != 64) std::abort();
  });
  refuse_or([&] {
    const RepoName name = parse_repo("x", text);
    if (!is_plain_path(name.repo)) std::abort();
  });
  refuse_or([&] {
    const DockerName name = parse_docker("x", text);
    if (!is_plain_path(name.repo) || !is_plain_path(name.tag)) std::abort();
  });
  static_cast<void>(token_address(text));
  static_cast<void>(shown(text));
  static_cast<void>(is_web_address(text));
  static_cast<void>(escaped_path(text));
  static_cast<void>(quant_of(text));
  if (const auto split = split_name(text); split && split->part_name(split->part) != text)
    std::abort();
  return 0;
}
