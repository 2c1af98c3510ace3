// --request-log: what was asked and what was answered, one JSON object a line.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "base/json.h"
#include "http/http.h"

namespace llm::server {

struct RequestRecord {
  std::chrono::system_clock::time_point time;
  std::string id, path, body;
  int status = 0;
  double ms = 0;
  http::Notes notes;
};

/// {"time","id","path","body","status","complete","tokens":{},"timings":{},"error"?,"reply":[]}.
/// `body` is JSON, or a text when it is none. Members that are called like a key are taken out.
/// redact: see redacted().
Json record_json(const RequestRecord& record, bool redact);

/// Numbers, truth values, the model's name and the roles of messages as they are; every other value
/// as {"bytes","hash"}. Lists of tokens are texts, too.
Json redacted(const Json& body);

/// Appends records on a thread of its own. Safe to use from every thread.
class RequestLog {
 public:
  struct Settings {
    std::string path;
    bool redact = false;
    std::int64_t max_bytes = 1 << 30;  // then the file becomes path.1
  };
  /// Throws Error when the file cannot be opened. Makes it readable by its owner only.
  explicit RequestLog(Settings settings);
  ~RequestLog();  // writes what was added
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  /// Never waits: dropped and counted when too much is waiting to be written.
  void add(RequestRecord record);
  std::int64_t dropped() const;

 private:
  void open();
  void run();
  void write(const RequestRecord& record);
  void rotate();

  const Settings settings_;
  std::FILE* file_ = nullptr;  // of the thread
  std::int64_t size_ = 0;      // of the thread
  bool has_failed_ = false;    // of the thread: said once

  mutable std::mutex mutex_;
  std::condition_variable added_;
  std::deque<RequestRecord> queue_;  // guarded by mutex_
  std::size_t queued_bytes_ = 0;     // guarded by mutex_
  std::int64_t dropped_ = 0;         // guarded by mutex_
  bool is_stopping_ = false;         // guarded by mutex_
  std::thread thread_;               // last: uses the others
};

}  // namespace llm::server
