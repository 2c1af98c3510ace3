// What streamed replies have sent, kept for a while: a client that comes back reads on where it
// stopped, and the reply goes on while nobody reads it. Knows bytes only, no formats.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/http.h"

namespace llm::server {

struct StreamLimits {
  std::size_t stream_bytes = 4u << 20;  // of one stream; beyond, its oldest bytes leave
  std::size_t all_bytes = 256u << 20;   // beyond, the streams that ended first are forgotten
  std::size_t streams = 1024;
  std::chrono::milliseconds kept = std::chrono::seconds(300);  // after its end
};

/// Streams of different clients do not see each other.
struct StreamName {
  std::string client;        // http::Request::client
  std::string conversation;  // X-Conversation-Id
  auto operator<=>(const StreamName&) const = default;
};

struct StreamState {
  std::string conversation;
  bool is_done;
  std::uint64_t total_bytes;
  std::int64_t started_at, completed_at;  // Unix seconds; of the latter 0: it runs
};

class StreamReader;
class StreamWriter;

/// Safe to use from every thread. Outlives its readers and writers.
class StreamStore {
 public:
  explicit StreamStore(const StreamLimits& limits = {});
  ~StreamStore();
  StreamStore(const StreamStore&) = delete;
  StreamStore& operator=(const StreamStore&) = delete;

  struct Begun {
    std::unique_ptr<StreamWriter> writer;
    std::shared_ptr<StreamReader> reader;  // of the client that began it
  };
  /// `cancel` ends what is being written; called at most once, must not block or call back. A
  /// stream of the same name is cancelled and forgotten. Nullopt: nothing is recorded, because the
  /// server stops or so many streams run.
  std::optional<Begun> begin(const StreamName& name, std::function<void()> cancel);

  /// Null when there is no such stream. RequestError(410) when the bytes from there on have left.
  std::shared_ptr<StreamReader> follow(const StreamName& name, std::uint64_t from);
  /// Each id and each "ID::MODEL" of it, the newest first.
  std::vector<StreamState> find(const std::string& client, std::span<const std::string> ids);
  /// Cancels and forgets it, if it is there.
  void forget(const StreamName& name);
  /// Nothing is recorded any more. Streams that nobody reads, or will read, are cancelled.
  void stop();

 private:
  friend class StreamReader;
  friend class StreamWriter;
  struct Stream;
  using StreamPtr = std::shared_ptr<Stream>;
  using Streams = std::map<StreamName, StreamPtr>;
  using Clock = std::chrono::steady_clock;

  // All with mutex_ held.
  void append(Stream& stream, std::string_view text);
  void drop_front(Stream& stream);
  void make_room(Stream& growing);
  bool forget_oldest();
  Streams::iterator erase(Streams::iterator place);
  void cancel(Stream& stream);
  void end_if_unwanted(Stream& stream);
  void drop_expired();

  void sweep();  // a thread

  const StreamLimits limits_;
  std::mutex mutex_;  // of what follows, and of all streams
  std::condition_variable changed_;
  Streams streams_;
  std::size_t bytes_ = 0;  // of the streams that are kept
  std::uint64_t next_number_ = 0;
  bool is_stopping_ = false, has_ended_ = false;
  std::thread sweeper_;  // from the first stream on
};

/// One who follows a stream. One coroutine calls next().
class StreamReader {
 public:
  ~StreamReader() { leave(); }
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  /// The next bytes, waiting for them. Nullopt behind the last ones, after leave(), and when bytes
  /// have left that were not read yet: then was_too_slow() is true.
  http::Task<std::optional<std::string>> next();
  bool was_too_slow() const { return was_too_slow_; }
  /// Any thread.
  void leave();

 private:
  friend class StreamStore;
  friend class StreamWriter;
  StreamReader(StreamStore& store, std::shared_ptr<StreamStore::Stream> stream, std::uint64_t at);

  StreamStore& store_;
  std::shared_ptr<StreamStore::Stream> stream_;
  std::uint64_t at_;
  bool was_too_slow_ = false;
  http::Signal signal_;
};

/// The one who writes; the stream ends with it.
class StreamWriter {
 public:
  ~StreamWriter() { end(); }
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  /// Whole events. False when the stream was cancelled.
  bool append(std::string_view text);
  /// It is complete, and kept for a while.
  void end();
  /// It came to nothing, and is forgotten.
  void drop();

 private:
  friend class StreamStore;
  StreamWriter(StreamStore& store, std::shared_ptr<StreamStore::Stream> stream)
      : store_(store), stream_(std::move(stream)) {}

  StreamStore& store_;
  std::shared_ptr<StreamStore::Stream> stream_;
};

}  // namespace llm::server
