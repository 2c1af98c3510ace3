// The CPU's key/value cache: page after page, in it layer after layer, in it head after head the
// keys and then the values of kPageTokens positions (cpu/kv_page.h). One head of one page is one
// stretch of memory.
#pragma once

#include <vector>

#include "compute/cpu/arena.h"
#include "compute/cpu/kv_page.h"
#include "compute/cpu/vector_kernels.h"
#include "compute/thread_pool.h"

namespace llm::compute::cpu {

class PagedCache final : public KvPool {
 public:
  PagedCache(const KvLayout& layout, int page_count);

  const KvLayout& layout() const override { return layout_; }
  int page_count() const override { return page_count_; }
  std::string_view format() const override { return "cpu 1"; }
  void read_page(PageId page, std::byte* to) const override;
  void write_page(PageId page, const std::byte* from) override;

  std::int64_t page_bytes() const { return page_bytes_; }
  /// From a head's keys to its values.
  std::int64_t value_offset(int layer) const;
  /// Keys of a head in page 0; page p lies p * page_bytes() further.
  std::byte* head(int layer, int kv_head) const;

  /// Writes the batch's keys and values; see Device::store_kv.
  void store(const VectorKernels& kernels, ThreadPool& threads, int team, int layer, Tensor k,
             Tensor v, std::span<const SequenceSlice> sequences);

  /// How keys turn by some positions: a kernel and its table for them.
  struct Turn {
    void (*kernel)(float* x, const float* table, int rotated);
    const float* table;
    int rotated;
  };
  /// One turn per move, none: keys are copied as they are; see Device::move_kv.
  void move(const VectorKernels& kernels, ThreadPool& threads, int team, int layer,
            std::span<const KvMove> moves, std::span<const Turn> turns);

 private:
  struct Run;  // consecutive positions of one sequence within one page
  void store_run(const VectorKernels& kernels, int layer, Tensor k, Tensor v, const Run& run,
                 int kv_head);
  void move_head(const VectorKernels& kernels, int layer, int kv_head, const KvMove& move,
                 const Turn* turn) const;

  KvLayout layout_;
  int page_count_;
  std::int64_t page_bytes_;
  std::vector<std::int64_t> layer_offsets_;
  Pages memory_;
};

}  // namespace llm::compute::cpu
