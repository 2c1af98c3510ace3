// Models that are fetched on request, and removed. How is the program's business. Internal to the
// room, but for ModelStore.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "router/events.h"
#include "router/model_files.h"

namespace llm::router {

struct DownloadProgress {
  std::string file;
  std::uint64_t done = 0, total = 0;  // bytes; total is 0 when it is not known
};

/// A cache of downloaded models. What is empty cannot be done here. Any thread.
struct ModelStore {
  std::function<std::vector<FoundModel>()> models;
  /// Blocks until it is there, or `stopped` says true; Error when it cannot be had.
  std::function<void(const std::string& name,
                     const std::function<void(const DownloadProgress&)>& progress,
                     const std::function<bool()>& stopped)>
      download;
  /// False when there is no such model. Error.
  std::function<bool(const std::string& name)> remove;
};

class Downloads {
 public:
  /// reload: reads the list of models anew; called after each download.
  Downloads(ModelStore store, Events& events, std::function<void()> reload);
  ~Downloads();

  /// Begins in the background; events tell how it goes. RequestError: not here, already under way,
  /// too many at once.
  void begin(const std::string& model);
  std::vector<std::string> running() const;
  const ModelStore& store() const { return store_; }
  /// Ends all, and waits for them.
  void close();

 private:
  struct Download {
    std::thread thread;
    bool has_ended = false;
  };
  void run(const std::string& model);

  ModelStore store_;
  Events& events_;
  std::function<void()> reload_;
  mutable std::mutex mutex_;
  std::map<std::string, Download> downloads_;  // guarded by mutex_
  std::atomic<bool> is_closed_{false};
};

}  // namespace llm::router
