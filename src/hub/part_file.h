// The part of a file that has arrived, kept so that a later start can go on: FILE.part with the
// bytes, FILE.part.json with what they are a part of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace llm::hub {

/// What must not have changed for a part to be continued.
struct PartState {
  std::string etag;                    // of the answer that the bytes came from
  std::optional<std::uint64_t> total;  // size of the whole file
};

class PartFile {
 public:
  /// Opens or creates TARGET.part. `sha256`: of the whole file, empty when unknown; then bytes
  /// that were written before the machine last started are dropped, as nothing would tell if they
  /// never reached the disk.
  PartFile(const std::filesystem::path& target, std::string sha256);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::uint64_t size() const { return size_; }
  const PartState& state() const { return state_; }

  /// Throws Error when the disk is full or broken.
  void append(std::string_view bytes);
  /// Forgets all bytes; `state` is of the answer that follows.
  void restart(const PartState& state);
  /// Hexadecimal SHA-256 of all bytes.
  std::string checksum();
  /// Puts the file in its place, whole and on the disk. Nothing else may be called after it.
  void finish();
  /// Deletes what there is.
  void discard();

 private:
  class Hash;

  void load_state();
  void save_state() const;

  std::filesystem::path target_, part_, state_path_;
  std::string sha256_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  PartState state_;
  std::unique_ptr<Hash> hash_;  // of the first hashed_ bytes
};

/// Held while a file is downloaded, so that a second process waits instead of writing into it.
/// Locks end with the process. Compatible with the locks of Hugging Face's own tools.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  /// False when another process holds it. Throws Error.
  bool try_lock();

 private:
  std::filesystem::path path_;
  int file_ = -1;
};

/// Bytes that an ordinary user may still write where `folder` is (or its nearest parent that
/// exists).
std::uint64_t free_bytes(const std::filesystem::path& folder);

/// Writes a small file at once: it is whole or the old one.
void write_file(const std::filesystem::path& path, std::string_view text);
/// Nullopt when it cannot be read; at most 1 MiB.
std::optional<std::string> read_small_file(const std::filesystem::path& path);

}  // namespace llm::hub
