// Pages of keys and values on a GPU, one after the other; see kernels/cache.h for what is in one.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "compute/cuda/kernels/cache.h"
#include "compute/cuda/runtime.h"
#include "compute/kv_pool.h"

namespace llm::compute::cuda {

class CudaKvPool final : public KvPool {
 public:
  /// Takes the memory at once; it begins as zeros. Throws Error when there is too little, and for
  /// cache types without kernels.
  CudaKvPool(std::shared_ptr<Queue> queue, const KvLayout& layout, int page_count);
  ~CudaKvPool() override;

  const KvLayout& layout() const override { return layout_; }
  int page_count() const override { return page_count_; }
  std::string_view format() const override { return "cuda 1"; }
  void read_page(PageId page, std::byte* to) const override;
  void write_page(PageId page, const std::byte* from) override;

  const CacheView& keys(int layer) const { return keys_[static_cast<std::size_t>(layer)]; }
  const CacheView& values(int layer) const { return values_[static_cast<std::size_t>(layer)]; }

 private:
  std::byte* page(PageId page) const;

  std::shared_ptr<Queue> queue_;
  // Pages are saved by other threads, beside steps that do not touch them.
  mutable std::mutex copying_;
  mutable Queue copies_;
  KvLayout layout_;
  int page_count_;
  std::byte* memory_;
  std::vector<CacheView> keys_, values_;
};

}  // namespace llm::compute::cuda
