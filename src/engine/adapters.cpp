#include "engine/adapters.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace llm {
namespace {

// Keeps the list of a careless client short, and the machine alive.
constexpr std::size_t kMostAdapters = 1024;
constexpr double kMostMemory = 0.25;  // of the machine's

const AdapterScale* find_scale(std::span<const AdapterScale> scales, const AdapterView& view) {
  const auto is_meant = [&](const AdapterScale& one) {
    return one.name.empty() ? one.id == view.id : one.name == view.name;
  };
  // The last one counts.
  const auto found = std::find_if(scales.rbegin(), scales.rend(), is_meant);
  return found == scales.rend() ? nullptr : &*found;
}

bool waits_for_tokens(const AdapterUse& use) {
  return !use.adapter->info().invocation_tokens.empty();
}

void append(std::vector<std::uint64_t>& to, const AdapterUse& use) {
  to.push_back(use.adapter->uid());
  to.push_back(std::bit_cast<std::uint32_t>(use.scale));
}

PageContext make_context(std::vector<std::uint64_t> values) {
  if (values.empty()) return nullptr;
  return std::make_shared<const std::vector<std::uint64_t>>(std::move(values));
}

}  // namespace

void AdapterList::check_room(std::int64_t bytes) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) bytes += entry.view.adapter->info().bytes;
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  if (entries_.size() < kMostAdapters && static_cast<double>(bytes) < memory * kMostMemory) return;
  throw RequestError(400, "invalid_request_error",
                     fmt::format("with this adapter there would be {} of {} MiB; at most {} and a "
                                 "quarter of the memory are possible: remove some first",
                                 entries_.size() + 1, bytes >> 20, kMostAdapters));
}

int AdapterList::add(std::shared_ptr<const Adapter> adapter, float scale, std::string name,
                     bool applied) {
  const std::lock_guard lock(mutex_);
  const auto has_name = [&](const Entry& entry) { return entry.view.name == name; };
  if (!name.empty() && std::any_of(entries_.begin(), entries_.end(), has_name)) {
    bad_field("name", fmt::format("Field 'name': there is an adapter named '{}' already", name));
  }
  entries_.push_back({{next_id_, std::move(name), scale, std::move(adapter)}, applied});
  return next_id_++;
}

bool AdapterList::remove(int id) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.view.id == id; }) > 0;
}

std::vector<AdapterView> AdapterList::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<AdapterView> views;
  for (const Entry& entry : entries_) views.push_back(entry.view);
  return views;
}

AdapterRecords AdapterList::records() const {
  const std::lock_guard lock(mutex_);
  AdapterRecords records{.next_id = next_id_};
  for (const auto& [view, applied] : entries_) {
    records.adapters.push_back(
        {view.id, view.adapter->info().path, view.name, view.scale, applied});
  }
  return records;
}

void AdapterList::restore(const AdapterRecords& records, const Load& load) {
  std::vector<Entry> restored;
  const std::vector<AdapterView> here = list();
  for (const AdapterRecords::Record& record : records.adapters) {
    const auto same = std::find_if(here.begin(), here.end(), [&](const AdapterView& view) {
      return view.id == record.id && view.adapter->info().path == record.path;
    });
    try {
      auto adapter = same != here.end() ? same->adapter : load(record.path);
      restored.push_back(
          {{record.id, record.name, record.scale, std::move(adapter)}, record.applied});
    } catch (const Error& error) {
      log::warn("adapter {} is not there any more: {}", record.id, error.what());
    }
  }
  const std::lock_guard lock(mutex_);
  entries_ = std::move(restored);
  next_id_ = std::max(next_id_, records.next_id);
}

void AdapterList::set_scales(std::span<const AdapterScale> scales) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    const AdapterScale* given = find_scale(scales, entry.view);
    entry.view.scale = given != nullptr ? given->scale : 0;
    entry.applied = true;
  }
}

AdapterSet AdapterList::resolve(const std::optional<std::vector<AdapterScale>>& wanted) const {
  AdapterSet set;
  {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {
      float scale = entry.applied ? entry.view.scale : 0;
      if (wanted) {
        const AdapterScale* given = find_scale(*wanted, entry.view);
        scale = given != nullptr ? given->scale : 0;
      }
      if (scale != 0) set.push_back({entry.view.adapter, scale});
    }
  }
  if (std::count_if(set.begin(), set.end(), waits_for_tokens) > 1) {
    bad_field("lora", "Field 'lora': Cannot run multiple aLoRAs in a single request");
  }
  std::sort(set.begin(), set.end(), [](const AdapterUse& a, const AdapterUse& b) {
    return a.adapter->uid() < b.adapter->uid();
  });
  return set;
}

AdapterSet adapters_for(AdapterSet set, std::span<const TokenId> prompt) {
  std::erase_if(set, [&](AdapterUse& use) {
    if (!waits_for_tokens(use)) return false;
    const std::vector<TokenId>& tokens = use.adapter->info().invocation_tokens;
    const auto found = std::find_end(prompt.begin(), prompt.end(), tokens.begin(), tokens.end());
    use.first_position = static_cast<int>(found - prompt.begin());
    return found == prompt.end();
  });
  return set;
}

PageContexts contexts_of(const AdapterSet& set) {
  std::vector<std::uint64_t> before, after;
  int start = 0;
  for (const AdapterUse& use : set) {
    append(after, use);
    if (use.first_position > 0) {
      start = use.first_position;
    } else {
      append(before, use);
    }
  }
  PageContexts contexts{.before = make_context(std::move(before)),
                        .change_page = start / compute::kPageTokens};
  contexts.after = start > 0 ? make_context(after) : contexts.before;
  contexts.change = contexts.after;
  if (const int inside = start % compute::kPageTokens; inside > 0) {
    after.push_back(static_cast<std::uint64_t>(inside));
    contexts.change = make_context(std::move(after));
  }
  return contexts;
}

}  // namespace llm
