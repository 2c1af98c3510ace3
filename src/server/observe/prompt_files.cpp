#include "server/observe/prompt_files.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"

namespace llm::server {
namespace {

/// The client's id as part of a name: it must not lead out of the directory.
std::string file_name(std::string_view request, int number) {
  constexpr std::size_t kMostOfId = 64;
  std::string id;
  for (const char c : request.substr(0, kMostOfId)) {
    id += std::isalnum(static_cast<unsigned char>(c)) || c == '-' ? c : '_';
  }
  return fmt::format("{:%Y%m%dT%H%M%S}Z-{:06}-{}.txt", fmt::gmtime(std::time(nullptr)), number, id);
}

}  // namespace

PromptFiles::PromptFiles(std::string directory) : directory_(std::move(directory)) {
  std::error_code problem;
  std::filesystem::create_directories(directory_, problem);
  if (!std::filesystem::is_directory(directory_, problem) ||
      access(directory_.c_str(), W_OK) != 0) {
    fail("--log-prompts-dir: '{}' is not a directory in which files can be made", directory_);
  }
}

void PromptFiles::write(std::string_view request, std::string_view prompt) const {
  const std::string path = directory_ + '/' + file_name(request, ++number_);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  std::FILE* file = descriptor < 0 ? nullptr : ::fdopen(descriptor, "wb");
  bool is_written =
      file != nullptr && std::fwrite(prompt.data(), 1, prompt.size(), file) == prompt.size();
  if (file != nullptr) is_written &= std::fclose(file) == 0;
  if (!is_written) {
    log::write(log::Level::warn, request, "--log-prompts-dir: cannot write " + path);
  }
}

}  // namespace llm::server
