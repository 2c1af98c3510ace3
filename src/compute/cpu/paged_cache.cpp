#include "compute/cpu/paged_cache.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "compute/hadamard.h"

namespace llm::compute::cpu {
namespace {

constexpr std::int64_t kSerialFloats = 16384;  // below, a parallel section costs more than it saves
constexpr int kLargestHead = 4096;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

struct PagedCache::Run {
  PageId page;
  int slot, count, token;
};

PagedCache::PagedCache(const KvLayout& layout, int page_count)
    : layout_(layout), page_count_(page_count), page_bytes_(layout.page_bytes()) {
  check_cache_type(layout.key_type);
  check_cache_type(layout.value_type);
  std::int64_t offset = 0;
  for (const KvLayout::Layer& layer : layout_.layers) {
    if (layer.key_dim > kLargestHead || layer.value_dim > kLargestHead) {
      fail("heads of {} values are more than the cache can keep ({})",
           std::max(layer.key_dim, layer.value_dim), kLargestHead);
    }
    layer_offsets_.push_back(offset);
    offset += layer.kv_heads * (layout_.key_bytes(layer) + layout_.value_bytes(layer));
  }
  memory_ = Pages(index(page_bytes_ * page_count));
}

void PagedCache::read_page(PageId page, std::byte* to) const {
  std::memcpy(to, memory_.data() + static_cast<std::int64_t>(page) * page_bytes_,
              index(page_bytes_));
}

void PagedCache::write_page(PageId page, const std::byte* from) {
  std::memcpy(memory_.data() + static_cast<std::int64_t>(page) * page_bytes_, from,
              index(page_bytes_));
}

std::int64_t PagedCache::value_offset(int layer) const {
  return layout_.key_bytes(layout_.layers[index(layer)]);
}

std::byte* PagedCache::head(int layer, int kv_head) const {
  const KvLayout::Layer& geometry = layout_.layers[index(layer)];
  return memory_.data() + layer_offsets_[index(layer)] +
         kv_head * (layout_.key_bytes(geometry) + layout_.value_bytes(geometry));
}

void PagedCache::store_run(const VectorKernels& kernels, int layer, Tensor k, Tensor v,
                           const Run& run, int kv_head) {
  const KvLayout::Layer& geometry = layout_.layers[index(layer)];
  std::byte* keys = head(layer, kv_head) + static_cast<std::int64_t>(run.page) * page_bytes_;
  store_keys(kernels, layout_.key_type, stored_rotated(layout_.key_type, geometry.key_dim),
             {.x = k.row(run.token).data() + kv_head * geometry.key_dim,
              .stride = k.cols,
              .dim = geometry.key_dim,
              .first = run.slot,
              .count = run.count},
             keys);
  store_values(kernels, layout_.value_type, stored_rotated(layout_.value_type, geometry.value_dim),
               {.x = v.row(run.token).data() + kv_head * geometry.value_dim,
                .stride = v.cols,
                .dim = geometry.value_dim,
                .first = run.slot,
                .count = run.count},
               keys + value_offset(layer));
}

void PagedCache::store(const VectorKernels& kernels, ThreadPool& threads, int team, int layer,
                       Tensor k, Tensor v, std::span<const SequenceSlice> sequences) {
  std::vector<Run> runs;
  for (const SequenceSlice& slice : sequences) {
    for (int done = 0; done < slice.token_count;) {
      const int position = slice.first_position + done;
      const int slot = position % kPageTokens;
      const int count = std::min(kPageTokens - slot, slice.token_count - done);
      runs.push_back(
          {slice.pages[index(position / kPageTokens)], slot, count, slice.first_token + done});
      done += count;
    }
  }
  const int heads = layout_.layers[index(layer)].kv_heads;
  const auto units = static_cast<std::int64_t>(runs.size()) * heads;
  const auto store_units = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t u = begin; u < end; ++u) {
      store_run(kernels, layer, k, v, runs[index(u / heads)], static_cast<int>(u % heads));
    }
  };
  if (k.rows * (k.cols + v.cols) < kSerialFloats) {
    store_units(0, units, 0);
  } else {
    threads.for_each(units, 1, store_units, team);
  }
}

}  // namespace llm::compute::cpu
