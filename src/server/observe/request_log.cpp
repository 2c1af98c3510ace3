#include "server/observe/request_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "server/reply/pieces.h"

namespace llm::server {
namespace {

/// What may wait to be written. A slow disk loses records then, not the server's memory.
constexpr std::size_t kMostQueued = 64u << 20;

std::size_t bytes_of(const RequestRecord& record) {
  constexpr std::size_t kOverhead = 1024;
  std::size_t bytes = kOverhead + record.body.size();
  for (const std::string& text : record.notes.texts) bytes += text.size();
  return bytes;
}

}  // namespace

RequestLog::RequestLog(Settings settings) : settings_(std::move(settings)) {
  open();
  if (file_ == nullptr) {
    fail("--request-log: cannot write '{}': {}", settings_.path, std::strerror(errno));
  }
  thread_ = std::thread([this] { run(); });
}

RequestLog::~RequestLog() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  added_.notify_one();
  thread_.join();
  if (file_ != nullptr) std::fclose(file_);
}

void RequestLog::open() {
  const int descriptor =
      ::open(settings_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  file_ = descriptor < 0 ? nullptr : ::fdopen(descriptor, "ab");
  // A line is one write, so that lines of several servers that share the file stay whole.
  if (file_ != nullptr) std::setvbuf(file_, nullptr, _IONBF, 0);
  struct stat found {};
  size_ = file_ != nullptr && ::fstat(descriptor, &found) == 0 ? found.st_size : 0;
}

void RequestLog::add(RequestRecord record) {
  const std::size_t bytes = bytes_of(record);
  {
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + bytes > kMostQueued) {
      ++dropped_;
      return;
    }
    queued_bytes_ += bytes;
    queue_.push_back(std::move(record));
  }
  added_.notify_one();
}

std::int64_t RequestLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void RequestLog::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    added_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const RequestRecord record = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= bytes_of(record);
    lock.unlock();
    write(record);
    lock.lock();
  }
}

void RequestLog::write(const RequestRecord& record) {
  const std::string line = dump(record_json(record, settings_.redact)) + '\n';
  if (size_ > 0 && size_ + static_cast<std::int64_t>(line.size()) > settings_.max_bytes) rotate();
  const bool is_written = file_ != nullptr &&
                          std::fwrite(line.data(), 1, line.size(), file_) == line.size() &&
                          std::fflush(file_) == 0;
  if (is_written) {
    size_ += static_cast<std::int64_t>(line.size());
    return;
  }
  if (!std::exchange(has_failed_, true)) {
    log::warn("--request-log: cannot write '{}': {}", settings_.path, std::strerror(errno));
  }
  const std::lock_guard lock(mutex_);
  ++dropped_;
}

void RequestLog::rotate() {
  if (file_ != nullptr) std::fclose(file_);
  ::rename(settings_.path.c_str(), (settings_.path + ".1").c_str());
  open();
}

}  // namespace llm::server
