// The LoRA adapters of an engine: which there are, at which scale requests use them that say
// nothing, and what one request uses. Every thread may call everything; a request keeps the
// adapters that it began with alive.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/prefix_cache.h"
#include "model/adapter.h"

namespace llm {

/// What a request or the control plane says of one adapter.
struct AdapterScale {
  int id = -1;
  std::string name;  // instead of the id, when not empty
  float scale = 0;
};

struct AdapterView {
  int id;
  std::string name;  // given when it was loaded; may be empty
  float scale;
  std::shared_ptr<const Adapter> adapter;
};

/// What it takes to make the list of another engine the same.
struct AdapterRecords {
  struct Record {
    int id;
    std::string path, name;
    float scale;
    bool applied;
  };
  std::vector<Record> adapters;
  int next_id = 0;
};

/// The adapters of one request with a scale that is not 0, by uid, so that equal sets are equal.
using AdapterSet = std::vector<AdapterUse>;

class AdapterList {
 public:
  /// Throws RequestError when adapters of that many bytes more would be too many, or take too much
  /// of the machine's memory.
  void check_room(std::int64_t bytes) const;
  /// `applied` false: shown with this scale, used by nobody until set_scales(). Returns the id,
  /// which no other adapter ever gets. Throws RequestError when the name is taken.
  int add(std::shared_ptr<const Adapter> adapter, float scale, std::string name, bool applied);
  /// False when there is no such adapter.
  bool remove(int id);
  /// In the order of their ids.
  std::vector<AdapterView> list() const;
  AdapterRecords records() const;
  /// Makes the list what it was. Adapters that are not in it under their old id are read with
  /// `load`; those for which that throws Error are left out, with a warning.
  using Load = std::function<std::shared_ptr<const Adapter>(const std::string& path)>;
  void restore(const AdapterRecords& records, const Load& load);
  /// Those that are not named get 0; ids and names that are not there are passed over.
  void set_scales(std::span<const AdapterScale> scales);
  /// What a request uses: what it says (unnamed ones are off), or the scales of the list. Throws
  /// RequestError when that are several that wait for invocation tokens.
  AdapterSet resolve(const std::optional<std::vector<AdapterScale>>& wanted) const;

 private:
  struct Entry {
    AdapterView view;
    bool applied;
  };

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  int next_id_ = 0;
};

/// For one prompt: adapters that wait for invocation tokens begin at the last place that has them,
/// or are left out.
AdapterSet adapters_for(AdapterSet set, std::span<const TokenId> prompt);

/// What of a set the pages of a sequence depend on.
PageContexts contexts_of(const AdapterSet& set);

}  // namespace llm
