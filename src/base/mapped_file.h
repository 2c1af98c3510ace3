// A read-only file in memory: mapped, or read into memory when mapping is not wanted.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace llm {

/// Owns the memory; spans into it are valid as long as it lives. Safe to read from every thread.
class MappedFile {
 public:
  enum class Mode { map, read };

  /// Throws Error naming the file and the system's reason. `lock` asks for mlock and warns in the
  /// log when the system refuses.
  MappedFile(const std::string& path, Mode mode, bool lock = false);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  /// Asks the system to read the whole file ahead, in the background.
  void prefetch() const;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace llm
