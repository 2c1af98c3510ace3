#include "compute/cpu/kv_page.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "compute/cpu/vector_kernels.h"
#include "compute/hadamard.h"

namespace llm::compute::cpu {
namespace {

constexpr int kMaxPadded = 4096;  // most values of a head, padded

bool is_transposed_block(quant::Type type) {
  return type == quant::Type::q8_0 || type == quant::Type::q4_0;
}

/// One head, padded by zeros and rotated where the cache wants it.
const float* prepared(const KvRun& run, int token, bool rotated, int padded, float* scratch) {
  const float* x = run.x + token * run.stride;
  if (!rotated && padded == run.dim) return x;
  std::copy(x, x + run.dim, scratch);
  std::fill(scratch + run.dim, scratch + padded, 0.0f);
  if (rotated) rotate(scratch, run.dim);
  return scratch;
}

/// [count][dim] of 16- or 32-bit values into columns first... of [dim][kPageTokens].
template <class T>
void scatter_columns(const T* rows, std::int64_t stride, const KvRun& run, T* page) {
  for (int c = 0; c < run.dim; ++c) {
    T* to = page + c * kPageTokens + run.first;
    for (int t = 0; t < run.count; ++t) to[t] = rows[t * stride + c];
  }
}

void store_half_keys(const VectorKernels& kernels, quant::Type type, const KvRun& run,
                     std::byte* page) {
  thread_local std::vector<std::uint16_t> rows;
  rows.resize(static_cast<std::size_t>(run.count) * static_cast<std::size_t>(run.dim));
  for (int t = 0; t < run.count; ++t) {
    auto* narrow = type == quant::Type::f16 ? kernels.to_f16 : kernels.to_bf16;
    narrow(run.x + t * run.stride, rows.data() + t * run.dim, run.dim);
  }
  scatter_columns(rows.data(), run.dim, run, reinterpret_cast<std::uint16_t*>(page));
}

/// A quantised head into its columns of the page's transposed blocks.
void scatter_blocks(quant::Type type, const std::byte* blocks, int count, int slot,
                    std::byte* page) {
  const int quants = type == quant::Type::q8_0 ? 32 : 16;
  const int block_bytes = 2 + quants;
  const int stride = type == quant::Type::q8_0 ? kKeyBlockQ8 : kKeyBlockQ4;
  for (int b = 0; b < count; ++b) {
    const std::byte* from = blocks + b * block_bytes;
    std::byte* to = page + b * stride;
    std::memcpy(to + 2 * slot, from, 2);
    for (int i = 0; i < quants; ++i) to[kKeyBlockScales + i * kPageTokens + slot] = from[2 + i];
  }
}

/// The same way back.
void gather_blocks(quant::Type type, const std::byte* page, int slot, int count,
                   std::byte* blocks) {
  const int quants = type == quant::Type::q8_0 ? 32 : 16;
  const int stride = type == quant::Type::q8_0 ? kKeyBlockQ8 : kKeyBlockQ4;
  for (int b = 0; b < count; ++b) {
    const std::byte* from = page + b * stride;
    std::byte* to = blocks + b * (2 + quants);
    std::memcpy(to, from + 2 * slot, 2);
    for (int i = 0; i < quants; ++i) to[2 + i] = from[kKeyBlockScales + i * kPageTokens + slot];
  }
}

void store_block_keys(quant::Type type, bool rotated, const KvRun& run, std::byte* page) {
  const int padded = padded_dim(type, run.dim);
  const std::int64_t row_bytes = quant::row_bytes(type, padded);
  float scratch[kMaxPadded];
  std::byte blocks[kMaxPadded * 2];
  for (int t = 0; t < run.count; ++t) {
    const int slot = run.first + t;
    const float* x = prepared(run, t, rotated, padded, scratch);
    std::byte* to = is_transposed_block(type) ? blocks : page + slot * row_bytes;
    quant::traits(type).quantize(x, to, padded, nullptr);
    if (is_transposed_block(type)) scatter_blocks(type, blocks, padded / 32, slot, page);
  }
}

}  // namespace

void store_keys(const VectorKernels& kernels, quant::Type type, bool rotated, const KvRun& run,
                std::byte* page) {
  switch (type) {
    case quant::Type::f32:
      scatter_columns(run.x, run.stride, run, reinterpret_cast<float*>(page));
      break;
    case quant::Type::f16:
    case quant::Type::bf16:
      store_half_keys(kernels, type, run, page);
      break;
    default:
      store_block_keys(type, rotated, run, page);
  }
}

void store_values(const VectorKernels& kernels, quant::Type type, bool rotated, const KvRun& run,
                  std::byte* page) {
  const int padded = padded_dim(type, run.dim);
  const std::int64_t row_bytes = quant::row_bytes(type, padded);
  float scratch[kMaxPadded];
  for (int t = 0; t < run.count; ++t) {
    std::byte* to = page + (run.first + t) * row_bytes;
    const float* x = prepared(run, t, rotated, padded, scratch);
    switch (type) {
      case quant::Type::f32:
        std::memcpy(to, x, static_cast<std::size_t>(row_bytes));
        break;
      case quant::Type::f16:
        kernels.to_f16(x, reinterpret_cast<std::uint16_t*>(to), padded);
        break;
      case quant::Type::bf16:
        kernels.to_bf16(x, reinterpret_cast<std::uint16_t*>(to), padded);
        break;
      default:
        quant::traits(type).quantize(x, to, padded, nullptr);
    }
  }
}

std::int64_t key_row_bytes(quant::Type type, int dim) {
  const bool is_plain = quant::traits(type).block_length == 1;
  return quant::row_bytes(type, is_plain ? dim : padded_dim(type, dim));
}

void read_key_row(quant::Type type, const std::byte* page, int slot, int dim, std::byte* row) {
  const std::int64_t bytes = key_row_bytes(type, dim);
  if (is_transposed_block(type)) {
    gather_blocks(type, page, slot, padded_dim(type, dim) / 32, row);
  } else if (quant::traits(type).block_length > 1) {
    std::memcpy(row, page + slot * bytes, static_cast<std::size_t>(bytes));
  } else {
    const auto size = static_cast<std::size_t>(bytes / dim);
    for (int c = 0; c < dim; ++c) {
      std::memcpy(row + c * size, page + (c * kPageTokens + slot) * size, size);
    }
  }
}

void write_key_row(quant::Type type, const std::byte* row, int dim, std::byte* page, int slot) {
  const std::int64_t bytes = key_row_bytes(type, dim);
  if (is_transposed_block(type)) {
    scatter_blocks(type, row, padded_dim(type, dim) / 32, slot, page);
  } else if (quant::traits(type).block_length > 1) {
    std::memcpy(page + slot * bytes, row, static_cast<std::size_t>(bytes));
  } else {
    const auto size = static_cast<std::size_t>(bytes / dim);
    for (int c = 0; c < dim; ++c) {
      std::memcpy(page + (c * kPageTokens + slot) * size, row + c * size, size);
    }
  }
}

void expand_key_rows(quant::Type type, const std::byte* page, int dim, float* out) {
  const int padded = padded_dim(type, dim);
  const std::int64_t row_bytes = quant::row_bytes(type, padded);
  float row[kMaxPadded];
  for (int t = 0; t < kPageTokens; ++t) {
    quant::traits(type).dequantize(page + t * row_bytes, row, padded);
    for (int c = 0; c < dim; ++c) out[c * kPageTokens + t] = row[c];
  }
}

void expand_value_rows(quant::Type type, const std::byte* page, int dims, float* out) {
  quant::traits(type).dequantize(page, out, static_cast<std::int64_t>(dims) * kPageTokens);
}

void rotate(float* x, int dim) {
  hadamard_rotate({x, static_cast<std::size_t>(dim)});
}

}  // namespace llm::compute::cpu
