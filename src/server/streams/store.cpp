#include "server/streams/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/utc.h"
#include "server/reply/pieces.h"

namespace llm::server {

struct StreamStore::Stream {
  StreamName name;
  std::uint64_t number = 0;      // in the order of their beginning
  std::function<void()> cancel;  // empty once it was called, or the stream has ended
  std::deque<std::string> blocks;
  std::uint64_t first = 0, total = 0;  // offsets of the first kept byte, and behind the last one
  std::uint64_t seen = 0;              // somebody has read so far
  std::int64_t started_at = unix_seconds(), completed_at = 0;
  bool is_done = false, is_cancelled = false, is_kept = true;
  Clock::time_point ended_at{};
  std::set<StreamReader*> readers;

  void wake_readers() {
    for (StreamReader* reader : readers) reader->signal_.notify();
  }
  /// What is kept from `at` on, up to the end of its block.
  std::string read(std::uint64_t at) const {
    std::uint64_t begin = first;
    for (const std::string& block : blocks) {
      if (at < begin + block.size()) return block.substr(at - begin);
      begin += block.size();
    }
    return {};
  }
};

namespace {
/// Streams drop their beginning in pieces of about this share of their limit.
constexpr std::size_t kBlocks = 64;
constexpr std::chrono::seconds kSweepEvery{60};
}  // namespace

StreamStore::StreamStore(const StreamLimits& limits) : limits_(limits) {}

StreamStore::~StreamStore() {
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
  if (sweeper_.joinable()) sweeper_.join();
}

std::optional<StreamStore::Begun> StreamStore::begin(const StreamName& name,
                                                     std::function<void()> cancel_it) {
  const std::lock_guard lock(mutex_);
  if (const auto old = streams_.find(name); old != streams_.end()) erase(old);
  if (is_stopping_) return std::nullopt;
  drop_expired();
  if (streams_.size() >= limits_.streams && !forget_oldest()) {
    log::warn("{} streams run that can be resumed: this one cannot", streams_.size());
    return std::nullopt;
  }
  if (!sweeper_.joinable()) sweeper_ = std::thread([this] { sweep(); });
  const auto stream = std::make_shared<Stream>();
  stream->name = name;
  stream->number = next_number_++;
  stream->cancel = std::move(cancel_it);
  streams_.emplace(name, stream);
  Begun begun;
  begun.writer.reset(new StreamWriter(*this, stream));
  begun.reader.reset(new StreamReader(*this, stream, 0));
  return begun;
}

std::shared_ptr<StreamReader> StreamStore::follow(const StreamName& name, std::uint64_t from) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  const auto found = streams_.find(name);
  if (found == streams_.end()) return nullptr;
  const Stream& stream = *found->second;
  if (from < stream.first) {
    throw RequestError(410, "gone_error",
                       fmt::format("the bytes from {} on are no longer kept: the first kept byte "
                                   "of this stream is {}",
                                   from, stream.first));
  }
  return std::shared_ptr<StreamReader>(new StreamReader(*this, found->second, from));
}

std::vector<StreamState> StreamStore::find(const std::string& client,
                                           std::span<const std::string> ids) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  std::map<std::uint64_t, const Stream*, std::greater<>> found;  // by number
  for (const std::string& id : ids) {
    if (const auto one = streams_.find({client, id}); one != streams_.end()) {
      found.emplace(one->second->number, one->second.get());
    }
    const std::string prefix = id + "::";
    for (auto one = streams_.lower_bound({client, prefix});
         one != streams_.end() && one->first.client == client &&
         one->first.conversation.starts_with(prefix);
         ++one) {
      found.emplace(one->second->number, one->second.get());
    }
  }
  std::vector<StreamState> states;
  for (const auto& [number, stream] : found) {
    states.push_back({stream->name.conversation, stream->is_done, stream->total, stream->started_at,
                      stream->completed_at});
  }
  return states;
}

void StreamStore::forget(const StreamName& name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = streams_.find(name); found != streams_.end()) erase(found);
}

void StreamStore::stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  for (const auto& [name, stream] : streams_) end_if_unwanted(*stream);
}

// ---- with the mutex held

void StreamStore::append(Stream& stream, std::string_view text) {
  const std::size_t block = std::max<std::size_t>(limits_.stream_bytes / kBlocks, 1);
  if (stream.blocks.empty() || stream.blocks.back().size() + text.size() > block) {
    stream.blocks.emplace_back();
  }
  stream.blocks.back() += text;
  stream.total += text.size();
  if (stream.is_kept) bytes_ += text.size();
  while (stream.total - stream.first > limits_.stream_bytes && stream.blocks.size() > 1) {
    drop_front(stream);
  }
  make_room(stream);
  end_if_unwanted(stream);
  stream.wake_readers();
}

void StreamStore::drop_front(Stream& stream) {
  const std::size_t size = stream.blocks.front().size();
  stream.blocks.pop_front();
  stream.first += size;
  if (stream.is_kept) bytes_ -= size;
}

void StreamStore::make_room(Stream& growing) {
  while (bytes_ > limits_.all_bytes) {
    if (forget_oldest()) continue;
    if (growing.blocks.size() < 2) return;
    drop_front(growing);
  }
}

/// Of those that have ended; false when there is none.
bool StreamStore::forget_oldest() {
  auto oldest = streams_.end();
  for (auto one = streams_.begin(); one != streams_.end(); ++one) {
    if (!one->second->is_done) continue;
    if (oldest == streams_.end() || one->second->ended_at < oldest->second->ended_at) oldest = one;
  }
  if (oldest == streams_.end()) return false;
  erase(oldest);
  return true;
}

/// Those who read it get what there is.
StreamStore::Streams::iterator StreamStore::erase(Streams::iterator place) {
  Stream& stream = *place->second;
  cancel(stream);
  stream.is_kept = false;
  bytes_ -= stream.total - stream.first;
  return streams_.erase(place);
}

void StreamStore::cancel(Stream& stream) {
  if (stream.is_done || stream.is_cancelled) return;
  stream.is_cancelled = true;
  if (const auto cancel_it = std::exchange(stream.cancel, nullptr)) cancel_it();
}

/// Nobody reads it, and either nobody will, because the server stops, or nobody could read all of
/// it any more: so a stream without a limit ends, too.
void StreamStore::end_if_unwanted(Stream& stream) {
  if (!stream.readers.empty()) return;
  if (is_stopping_ || stream.total - stream.seen > limits_.stream_bytes) cancel(stream);
}

void StreamStore::drop_expired() {
  const auto now = Clock::now();
  for (auto one = streams_.begin(); one != streams_.end();) {
    const Stream& stream = *one->second;
    one = stream.is_done && now - stream.ended_at >= limits_.kept ? erase(one) : std::next(one);
  }
}

void StreamStore::sweep() {
  std::unique_lock lock(mutex_);
  while (!has_ended_) {
    changed_.wait_for(lock, kSweepEvery);
    drop_expired();
  }
}

// ---- reading

StreamReader::StreamReader(StreamStore& store, std::shared_ptr<StreamStore::Stream> stream,
                           std::uint64_t at)
    : store_(store), stream_(std::move(stream)), at_(at) {
  stream_->readers.insert(this);
}

http::Task<std::optional<std::string>> StreamReader::next() {
  constexpr auto kForever = std::chrono::steady_clock::time_point::max();
  for (;;) {
    {
      const std::lock_guard lock(store_.mutex_);
      StreamStore::Stream& stream = *stream_;
      if (!stream.readers.contains(this)) co_return std::nullopt;
      was_too_slow_ = at_ < stream.first;
      if (was_too_slow_) co_return std::nullopt;
      if (at_ < stream.total) {
        std::string text = stream.read(at_);
        at_ += text.size();
        stream.seen = std::max(stream.seen, at_);
        co_return text;
      }
      if (stream.is_done) co_return std::nullopt;
    }
    co_await signal_.wait(kForever);
  }
}

void StreamReader::leave() {
  const std::lock_guard lock(store_.mutex_);
  if (stream_->readers.erase(this) == 0) return;
  signal_.notify();
  store_.end_if_unwanted(*stream_);
}

// ---- writing

bool StreamWriter::append(std::string_view text) {
  const std::lock_guard lock(store_.mutex_);
  if (!stream_->is_done && !text.empty()) store_.append(*stream_, text);
  return !stream_->is_cancelled;
}

void StreamWriter::end() {
  const std::lock_guard lock(store_.mutex_);
  if (stream_->is_done) return;
  stream_->is_done = true;
  stream_->cancel = nullptr;
  stream_->completed_at = unix_seconds();
  stream_->ended_at = StreamStore::Clock::now();
  stream_->wake_readers();
}

void StreamWriter::drop() {
  end();
  const std::lock_guard lock(store_.mutex_);
  const auto place = store_.streams_.find(stream_->name);
  if (place != store_.streams_.end() && place->second == stream_) store_.erase(place);
}

}  // namespace llm::server
