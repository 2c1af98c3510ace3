#include "roofline.h"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "compute/thread_pool.h"

namespace llm::bench {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

volatile std::uint64_t sink;

/// Makes the compiler believe that somebody looks at what p points to.
void keep(const void* p) {
  asm volatile("" : : "r"(p) : "memory");
}

std::uint64_t sum_of(const std::uint64_t* p, std::int64_t count) {
  std::uint64_t sum[8] = {};
  for (std::int64_t i = 0; i < count; i += 8) {
    for (int j = 0; j < 8; ++j) sum[j] += p[i + j];
  }
  return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

constexpr std::int64_t kRounds = 200'000;  // about a millisecond
constexpr int kChains = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) void int8_avx512_vnni() {
  __m512i chain[kChains];
  for (auto& c : chain) c = _mm512_setzero_si512();
  const __m512i one = _mm512_set1_epi8(1);
  for (std::int64_t i = 0; i < kRounds; ++i) {
    for (auto& c : chain) {
      c = _mm512_dpbusd_epi32(c, one, one);
      asm volatile("" : "+v"(c));
    }
  }
  keep(chain);
}
__attribute__((target("avx512f,avx512bw"))) void int8_avx512() {
  __m512i chain[kChains];
  for (auto& c : chain) c = _mm512_setzero_si512();
  __m512i one = _mm512_set1_epi8(1);
  const __m512i ones = _mm512_set1_epi16(1);
  for (std::int64_t i = 0; i < kRounds; ++i) {
    for (auto& c : chain) {
      asm volatile("" : "+v"(one));
      const __m512i pairs = _mm512_maddubs_epi16(one, one);
      c = _mm512_add_epi32(c, _mm512_madd_epi16(pairs, ones));
      asm volatile("" : "+v"(c));
    }
  }
  keep(chain);
}
__attribute__((target("avx2"))) void int8_avx2() {
  __m256i chain[kChains];
  for (auto& c : chain) c = _mm256_setzero_si256();
  __m256i one = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::int64_t i = 0; i < kRounds; ++i) {
    for (auto& c : chain) {
      asm volatile("" : "+x"(one));
      const __m256i pairs = _mm256_maddubs_epi16(one, one);
      c = _mm256_add_epi32(c, _mm256_madd_epi16(pairs, ones));
      asm volatile("" : "+x"(c));
    }
  }
  keep(chain);
}
__attribute__((target("avx512f"))) void f32_avx512() {
  __m512 chain[kChains];
  for (auto& c : chain) c = _mm512_setzero_ps();
  const __m512 one = _mm512_set1_ps(1);
  for (std::int64_t i = 0; i < kRounds; ++i) {
    for (auto& c : chain) {
      c = _mm512_fmadd_ps(one, one, c);
      asm volatile("" : "+v"(c));
    }
  }
  keep(chain);
}
__attribute__((target("avx2,fma"))) void f32_avx2() {
  __m256 chain[kChains];
  for (auto& c : chain) c = _mm256_setzero_ps();
  const __m256 one = _mm256_set1_ps(1);
  for (std::int64_t i = 0; i < kRounds; ++i) {
    for (auto& c : chain) {
      c = _mm256_fmadd_ps(one, one, c);
      asm volatile("" : "+x"(c));
    }
  }
  keep(chain);
}
#endif

/// 1e9 operations per second when each thread calls `work` once.
double rate(int threads, double operations, void (*work)()) {
  compute::ThreadPool pool(threads);
  double best = 0;
  for (int repeat = 0; repeat < 10; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    pool.for_each(threads, 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) work();
    });
    best = std::max(best, 1e-9 * operations * threads / seconds_since(begin));
  }
  return best;
}

}  // namespace

double read_bandwidth(int threads) {
  constexpr std::int64_t kWords = std::int64_t{3} << 24;  // 400 MB
  static const std::vector<std::uint64_t> memory(kWords, 1);
  compute::ThreadPool pool(threads);
  double best = 0;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    pool.for_each(kWords, std::int64_t{1} << 17, [&](std::int64_t first, std::int64_t last, int) {
      sink = sink + sum_of(memory.data() + first, last - first);
    });
    best = std::max(best, 8e-9 * kWords / seconds_since(begin));
  }
  return best;
}

double int8_peak(int threads, std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "avx512_vnni" || isa == "avx512_bf16" || isa == "amx") {
    return rate(threads, 64.0 * kChains * kRounds, int8_avx512_vnni);
  }
  if (isa == "avx512") return rate(threads, 64.0 * kChains * kRounds, int8_avx512);
  if (isa == "avx2") return rate(threads, 32.0 * kChains * kRounds, int8_avx2);
#endif
  return 0;
}

double f32_peak(int threads, std::string_view isa) {
#if defined(__x86_64__)
  if (isa.starts_with("avx512") || isa == "amx")
    return rate(threads, 16.0 * kChains * kRounds, f32_avx512);
  if (isa == "avx2") return rate(threads, 8.0 * kChains * kRounds, f32_avx2);
#endif
  return 0;
}

}  // namespace llm::bench
