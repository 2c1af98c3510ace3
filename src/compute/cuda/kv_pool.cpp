#include "compute/cuda/kv_pool.h"

#include "base/error.h"
#include "compute/hadamard.h"

namespace llm::compute::cuda {
namespace {

void check_type(quant::Type type) {
  check_cache_type(type);
  if (type == quant::Type::iq4_nl) fail("the key/value cache cannot be kept as iq4_nl on a GPU");
}

CacheView view(std::byte* first, std::int64_t page_bytes, std::int64_t head_bytes, quant::Type type,
               int heads, int dim) {
  return {.first = reinterpret_cast<std::uint8_t*>(first),
          .page_stride = page_bytes,
          .head_stride = head_bytes,
          .row_stride = head_bytes / kPageTokens,
          .type = type,
          .heads = heads,
          .dim = dim,
          .padded = padded_dim(type, dim),
          .rotated = stored_rotated(type, dim)};
}

}  // namespace

CudaKvPool::CudaKvPool(std::shared_ptr<Queue> queue, const KvLayout& layout, int page_count)
    : queue_(std::move(queue)), copies_(queue_->gpu()), layout_(layout), page_count_(page_count) {
  check_type(layout.key_type);
  check_type(layout.value_type);
  const std::int64_t page_bytes = layout.page_bytes();
  const auto bytes = static_cast<std::size_t>(page_bytes * page_count);
  memory_ = static_cast<std::byte*>(queue_->allocate(bytes));
  queue_->clear(memory_, bytes);
  std::byte* at = memory_;
  for (const KvLayout::Layer& layer : layout_.layers) {
    keys_.push_back(view(at, page_bytes, layout_.key_bytes(layer), layout_.key_type, layer.kv_heads,
                         layer.key_dim));
    at += layer.kv_heads * layout_.key_bytes(layer);
    values_.push_back(view(at, page_bytes, layout_.value_bytes(layer), layout_.value_type,
                           layer.kv_heads, layer.value_dim));
    at += layer.kv_heads * layout_.value_bytes(layer);
  }
  queue_->wait();
}

CudaKvPool::~CudaKvPool() {
  queue_->release(memory_);
}

std::byte* CudaKvPool::page(PageId page) const {
  return memory_ + static_cast<std::int64_t>(page) * layout_.page_bytes();
}

void CudaKvPool::read_page(PageId page, std::byte* to) const {
  const std::lock_guard lock(copying_);
  queue_->wait();  // what wrote the page may still be under way
  copies_.download(to, this->page(page), static_cast<std::size_t>(layout_.page_bytes()));
  copies_.wait();
}

void CudaKvPool::write_page(PageId page, const std::byte* from) {
  const std::lock_guard lock(copying_);
  queue_->wait();
  copies_.upload(this->page(page), from, static_cast<std::size_t>(layout_.page_bytes()));
  copies_.wait();
}

}  // namespace llm::compute::cuda
