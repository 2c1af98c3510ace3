#include "compute/cpu/isa/select.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "compute/cpu/isa/tables.h"

namespace llm::compute::cpu {
namespace {

bool always() {
  return true;
}

struct Row {
  std::string_view name;
  std::string_view needs;  // for people
  const Kernels* kernels;  // null: left out of this build
  bool (*runs_here)();
  bool (*is_faster)() = always;  // than what follows; otherwise it runs only when named
};

#if defined(__x86_64__)
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
// These ask the operating system too: whether it saves the registers.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx512_vnni() {
  return has_avx512() && __builtin_cpu_supports("avx512vnni");
}
bool has_avx512_bf16() {
  return has_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}
/// Intel's processors do as many of these products as in f32.
bool has_fast_bf16() {
  return __builtin_cpu_is("amd");
}
/// Linux saves the tiles of processes that have asked for it.
bool has_amx() {
#if defined(__linux__)
  unsigned a, b, c, d;
  constexpr unsigned kBf16Tiles = 1u << 22, kTiles = 1u << 24, kBoth = kBf16Tiles | kTiles;
  if (!has_avx512_vnni() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBoth) != kBoth) {
    return false;
  }
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#else
bool has_avx2() {
  return false;
}
bool has_avx512() {
  return false;
}
bool has_avx512_vnni() {
  return false;
}
bool has_avx512_bf16() {
  return false;
}
bool has_fast_bf16() {
  return false;
}
bool has_amx() {
  return false;
}
#endif

bool has_neon() {
#if defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
  return true;
#else
  return false;
#endif
}

#if defined(LLAMA_ISA_AVX2)
constexpr const Kernels* kAvx2 = &kAvx2Kernels;
#else
constexpr const Kernels* kAvx2 = nullptr;
#endif
#if defined(LLAMA_ISA_AVX512)
constexpr const Kernels* kAvx512 = &kAvx512Kernels;
#else
constexpr const Kernels* kAvx512 = nullptr;
#endif
#if defined(LLAMA_ISA_AVX512) && defined(LLAMA_ISA_AVX512_VNNI)  // they share the vector kernels
constexpr const Kernels* kAvx512Vnni = &kAvx512VnniKernels;
#else
constexpr const Kernels* kAvx512Vnni = nullptr;
#endif
#if defined(LLAMA_ISA_AVX512) && defined(LLAMA_ISA_AVX512_VNNI)
Kernels with_bf16(const char* name, const char* description, const Bf16Kernels& bf16) {
  Kernels kernels = kAvx512VnniKernels;
  kernels.name = name;
  kernels.description = description;
  kernels.bf16 = &bf16;
  return kernels;
}
#endif
#if defined(LLAMA_ISA_AVX512_VNNI) && defined(LLAMA_ISA_AVX512_BF16)
const Kernels kAvx512Bf16Kernels = with_bf16("avx512_bf16", "AVX-512 VNNI and BF16", kAvx512Bf16);
constexpr const Kernels* kBf16 = &kAvx512Bf16Kernels;
#else
constexpr const Kernels* kBf16 = nullptr;
#endif
#if defined(LLAMA_ISA_AVX512_VNNI) && defined(LLAMA_ISA_AMX)
const Kernels kAmxKernels = with_bf16("amx", "AVX-512 VNNI and AMX", kAmxBf16);
constexpr const Kernels* kAmx = &kAmxKernels;
#else
constexpr const Kernels* kAmx = nullptr;
#endif
#if defined(LLAMA_ISA_NEON)
constexpr const Kernels* kNeon = &kNeonKernels;
#else
constexpr const Kernels* kNeon = nullptr;
#endif

constexpr Row kRows[] = {
    // best first
    {"amx", "AVX-512 F, BW, DQ, VL and VNNI, and AMX for BF16", kAmx, has_amx},
    {"avx512_bf16", "AVX-512 F, BW, DQ, VL, VNNI and BF16", kBf16, has_avx512_bf16, has_fast_bf16},
    {"avx512_vnni", "AVX-512 F, BW, DQ, VL and VNNI", kAvx512Vnni, has_avx512_vnni},
    {"avx512", "AVX-512 F, BW, DQ and VL", kAvx512, has_avx512},
    {"avx2", "AVX2, FMA and F16C", kAvx2, has_avx2},
    {"neon", "ARMv8.2 with dot products", kNeon, has_neon},
    {"portable", "nothing", &kPortableKernels, always},
};

std::string names() {
  std::string list;
  for (const Row& row : kRows) {
    if (row.kernels) list += (list.empty() ? "" : ", ") + std::string(row.name);
  }
  return list;
}

}  // namespace

std::vector<const Kernels*> usable_kernels() {
  std::vector<const Kernels*> usable;
  for (const Row& row : kRows) {
    if (row.kernels && row.runs_here()) usable.push_back(row.kernels);
  }
  return usable;
}

const Kernels& select_kernels(std::string_view wanted) {
  if (wanted.empty()) {
    if (const char* forced = std::getenv("LLAMA_CPU_ISA")) wanted = forced;
  }
  for (const Row& row : kRows) {
    if (wanted.empty() && row.kernels && row.runs_here() && row.is_faster()) return *row.kernels;
    if (row.name != wanted) continue;
    if (!row.kernels) {
      fail("this binary was built without the instruction set '{}' (it has {})", wanted, names());
    }
    if (!row.runs_here()) {
      fail("this machine lacks the instruction set '{}', which needs {}", wanted, row.needs);
    }
    return *row.kernels;
  }
  fail("unknown instruction set '{}' (this binary has {})", wanted, names());
}

}  // namespace llm::compute::cpu
