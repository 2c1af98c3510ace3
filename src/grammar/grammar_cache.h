// Compiled grammars by what they were made of: agents send the same tools with every turn.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "grammar/grammar.h"

namespace llm::grammar {

/// Keeps the latest used ones. Every function may be called from every thread.
class GrammarCache {
 public:
  using Make = std::function<std::shared_ptr<const Grammar>()>;

  GrammarCache(std::size_t max_grammars, std::size_t max_bytes)
      : max_grammars_(max_grammars), max_bytes_(max_bytes) {}

  /// The grammar of `key`, made when it is not there. Whoever asks for it meanwhile waits for the
  /// one that makes it. What `make` throws all of them get, and it is not kept.
  std::shared_ptr<const Grammar> get(const std::string& key, const Make& make);

  std::size_t size() const;

 private:
  using Result = std::shared_future<std::shared_ptr<const Grammar>>;
  struct Entry {
    std::string key;
    Result result;
    std::uint64_t id;
    bool is_ready = false;
  };

  void drop(const std::string& key, std::uint64_t id);
  void shrink();

  const std::size_t max_grammars_, max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the latest used first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  std::uint64_t next_id_ = 0;
};

}  // namespace llm::grammar
