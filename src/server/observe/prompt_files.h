// --log-prompts-dir: every prompt as the model sees it, one file each.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

namespace llm::server {

/// Safe to use from every thread.
class PromptFiles {
 public:
  /// Makes the directory; throws Error when that fails.
  explicit PromptFiles(std::string directory);
  /// Writes <time>-<number>-<request>.txt; what fails is a warning in the log.
  void write(std::string_view request, std::string_view prompt) const;

 private:
  std::string directory_;
  mutable std::atomic<int> number_{0};
};

}  // namespace llm::server
