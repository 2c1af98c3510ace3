#include "hub/download.h"

#include <chrono>

#include "base/log.h"
#include "hub/part_file.h"
#include "hub/progress.h"
#include "hub/retry.h"

namespace llm::hub {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// What has arrived cannot be continued with what the server has now.
class StalePart : public TransferError {
 public:
  explicit StalePart(const std::string& label)
      : TransferError(fmt::format("{} has changed, it begins anew", label), true) {}
};

fs::path etag_path(const fs::path& target) {
  return target.string() + ".etag";
}

/// Only strong validators may name a range (RFC 9110, 13.1.5).
bool is_strong(const std::string& etag) {
  return etag.size() >= 2 && etag.front() == '"';
}

bool is_header_safe(const std::string& text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return true;
}

/// Writes one answer behind what is there.
class PartReceiver : public Receiver {
 public:
  PartReceiver(const Download& what, PartFile& part, Progress& progress)
      : what_(what), part_(part), progress_(progress) {}

  void begin(const Head& head) override {
    total_ = what_.size;
    if (head.status == 206) {
      continue_with(head);
    } else {
      if (what_.size && head.length && *head.length != *what_.size)
        throw TransferError(fmt::format("{}: the hub names a size of {} bytes, the server sends {}",
                                        what_.label, *what_.size, *head.length),
                            false);
      if (!total_) total_ = head.length;
      part_.restart({head.etag, total_});
    }
    if (total_) check_space(what_.target.parent_path(), *total_ - part_.size(), what_.label);
    progress_.start(part_.size());
  }

  void take(std::string_view bytes) override {
    if (total_ && bytes.size() > *total_ - part_.size())
      throw TransferError(
          fmt::format("{}: the server sends more than its {} bytes", what_.label, *total_), false);
    part_.append(bytes);
    progress_.update(part_.size(), total_);
  }

  void check_complete() const {
    if (total_ && part_.size() != *total_)
      throw TransferError(fmt::format("{}: the connection ended after {} of {} bytes", what_.label,
                                      part_.size(), *total_),
                          true);
  }

 private:
  void continue_with(const Head& head) {
    if (!total_) total_ = head.range_total ? head.range_total : part_.state().total;
    const bool fits = head.range_first == part_.size() &&
                      (!head.range_total || !total_ || *head.range_total == *total_) &&
                      (!total_ || part_.size() <= *total_);
    // A checksum finds out what an ETag would tell.
    const bool is_same =
        !what_.sha256.empty() || head.etag.empty() || head.etag == part_.state().etag;
    if (!fits || !is_same) {
      part_.restart({});
      throw StalePart(what_.label);
    }
  }

  const Download& what_;
  PartFile& part_;
  Progress& progress_;
  std::optional<std::uint64_t> total_;
};

[[noreturn]] void fail_with_status(const Download& what, const Head& head) {
  const std::string where = shown(what.source.url);
  if (head.status == 401 || head.status == 403)
    throw StatusError(
        fmt::format("{}: access was refused (status {}); {}", where, head.status,
                    what.source.token.empty()
                        ? "it may need a token, by --hf-token or HF_TOKEN"
                        : "the token has no access, or the terms of the model are not accepted"),
        head);
  if (head.status == 404) throw StatusError(fmt::format("{}: there is no such file", where), head);
  throw StatusError(fmt::format("{}: the server answers with status {}", where, head.status), head);
}

/// One answer. True when the file that is there already is the current one.
bool attempt(const Download& what, PartFile& part, Progress& progress, const std::string& etag) {
  Get source = what.source;
  if (part.size() > 0) {
    source.headers.push_back(fmt::format("Range: bytes={}-", part.size()));
    if (is_strong(part.state().etag) && is_header_safe(part.state().etag))
      source.headers.push_back("If-Range: " + part.state().etag);
  }
  if (!etag.empty() && is_header_safe(etag)) source.headers.push_back("If-None-Match: " + etag);
  PartReceiver receiver(what, part, progress);
  const Head head = get(source, receiver);
  if (head.status == 304 && !etag.empty()) return true;
  if (head.status == 416 && part.size() > 0) {  // nothing follows: it is whole, or another file
    const auto total = what.size ? what.size : part.state().total;
    if (total == part.size()) return false;
    part.restart({});
    throw StalePart(what.label);
  }
  if (head.status != 200 && head.status != 206) fail_with_status(what, head);
  receiver.check_complete();
  return false;
}

/// What an interrupted process left complete needs no request.
bool is_whole(const Download& what, const PartFile& part) {
  return what.size && !what.sha256.empty() && part.size() == *what.size;
}

/// False when the bytes are wrong.
bool has_checksum(const Download& what, PartFile& part) {
  if (what.sha256.empty()) return true;
  const std::string sum = part.checksum();
  if (sum == what.sha256) return true;
  part.discard();
  log::warn("{}: the SHA-256 is {}, the hub names {}", what.label, sum, what.sha256);
  return false;
}

void wait_for(FileLock& lock, const Download& what) {
  for (bool is_told = false; !lock.try_lock(); is_told = true) {
    if (!is_told) log::info("{}: another process is downloading it, waiting", what.label);
    pause(200ms, what.source.stopped);
  }
}

/// One whole file into its part. False when the target is current.
bool fill(const Download& what, PartFile& part, const std::string& etag) {
  bool is_current = false;
  if (!is_whole(what, part)) {
    if (part.size() > 0) log::info("{}: resuming after {}", what.label, human_size(part.size()));
    Progress progress(what.label, what.on_progress);
    with_retries(
        what.source.stopped, [&part] { return part.size(); },
        [&] { is_current = attempt(what, part, progress, etag); });
  }
  return !is_current;
}

}  // namespace

void check_space(const fs::path& folder, std::uint64_t bytes, const std::string& label) {
  const std::uint64_t free = free_bytes(folder);
  if (bytes > free)
    fail("{} needs {} more, but only {} are free in '{}'; LLAMA_CACHE names another folder", label,
         human_size(bytes), human_size(free), folder.string());
}

void download(const Download& what) {
  FileLock lock(what.lock);
  wait_for(lock, what);
  std::error_code ignored;
  const bool is_there = fs::exists(what.target, ignored);
  if (is_there && !what.revalidate &&
      (!what.size || fs::file_size(what.target, ignored) == *what.size))
    return;
  const std::string etag =
      is_there && what.revalidate ? read_small_file(etag_path(what.target)).value_or("") : "";
  // A part that was continued may have been damaged: the second round has none.
  for (int round = 0; round < 2; ++round) {
    PartFile part(what.target, what.sha256);
    const bool is_fresh = part.size() == 0;
    if (!fill(what, part, etag)) return part.discard();
    if (has_checksum(what, part)) {
      if (what.revalidate) write_file(etag_path(what.target), part.state().etag);
      part.finish();
      log::info("{}: {} downloaded", what.label, human_size(part.size()));
      return;
    }
    if (is_fresh) break;
  }
  fail("{}: what was downloaded does not have the SHA-256 that the hub names; nothing was kept",
       what.label);
}

}  // namespace llm::hub
