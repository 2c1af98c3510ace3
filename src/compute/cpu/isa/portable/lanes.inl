// Vectors of 8 lanes for isa/generic/unpack.inl in plain C++.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "quant/half.h"

namespace llm::compute::cpu {
namespace {

struct PortableLanes {
  static constexpr int kCount = 8;
  static constexpr int kWideZero = 128;
  struct U {
    std::uint32_t lane[kCount];
  };
  struct F {
    float lane[kCount];
  };

  class Rows {
   public:
    Rows(const std::byte* base, std::int64_t stride) : base_(base), stride_(stride) {}
    void advance(std::int64_t bytes) { base_ += bytes; }
    U load1(std::int64_t offset) const {
      U x;
      for (int i = 0; i < kCount; ++i) std::memcpy(&x.lane[i], base_ + i * stride_ + offset, 4);
      return x;
    }
    void load4(std::int64_t offset, U* out) const {
      for (int word = 0; word < 4; ++word) out[word] = load1(offset + 4 * word);
    }

   private:
    const std::byte* base_;
    std::int64_t stride_;
  };

  template <class Function>
  static U each(Function f) {
    U x;
    for (int i = 0; i < kCount; ++i) x.lane[i] = f(i);
    return x;
  }
  template <class Function>
  static F each_f(Function f) {
    F x;
    for (int i = 0; i < kCount; ++i) x.lane[i] = f(i);
    return x;
  }

  static U set(std::uint32_t x) {
    return each([&](int) { return x; });
  }
  static F set_f(float x) {
    return each_f([&](int) { return x; });
  }
  static U and_(U a, U b) {
    return each([&](int i) { return a.lane[i] & b.lane[i]; });
  }
  static U or_(U a, U b) {
    return each([&](int i) { return a.lane[i] | b.lane[i]; });
  }
  static U xor_(U a, U b) {
    return each([&](int i) { return a.lane[i] ^ b.lane[i]; });
  }
  static U add(U a, U b) {
    return each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static U sub(U a, U b) {
    return each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  // Bytewise, without carries between bytes: the top bits are added apart.
  static U add8(U a, U b) {
    constexpr std::uint32_t top = 0x80808080;
    return each([&](int i) {
      const std::uint32_t x = a.lane[i], y = b.lane[i];
      return ((x & ~top) + (y & ~top)) ^ ((x ^ y) & top);
    });
  }
  static U sub8(U a, U b) {
    constexpr std::uint32_t top = 0x80808080;
    return each([&](int i) {
      const std::uint32_t x = a.lane[i], y = b.lane[i];
      return ((x | top) - (y & ~top)) ^ ((x ^ ~y) & top);
    });
  }
  static U sub_to_zero(U a, U b) {
    return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] - b.lane[i] : 0; });
  }
  static U srl(U x, int n) {
    return each([&](int i) { return x.lane[i] >> n; });
  }
  static U sll(U x, int n) {
    return each([&](int i) { return x.lane[i] << n; });
  }
  template <int n>
  static U srl(U x) {
    return srl(x, n);
  }
  template <int n>
  static U sll(U x) {
    return sll(x, n);
  }
  template <int n>
  static U sra(U x) {
    return each([&](int i) {
      return static_cast<std::uint32_t>(static_cast<std::int32_t>(x.lane[i]) >> n);
    });
  }
  static U srl_each(U x, U n) {
    return each([&](int i) { return x.lane[i] >> n.lane[i]; });
  }
  static U zero_where_equal(U x, U y) {
    return each([&](int i) { return x.lane[i] == y.lane[i] ? 0 : x.lane[i]; });
  }
  static F choose_if_zero(U test, F zero, F other) {
    return each_f([&](int i) { return test.lane[i] == 0 ? zero.lane[i] : other.lane[i]; });
  }

  template <int value>
  static U spread(U bits) {
    // The factor moves bits 0..3 to the lowest bits of the four bytes.
    return each([&](int i) { return ((bits.lane[i] & 15) * 0x00204081 & 0x01010101) * value; });
  }

  struct Levels {
    std::uint8_t level[16];
  };
  static Levels levels(const std::int8_t* table, int zero) {
    Levels x;
    for (int i = 0; i < 16; ++i) x.level[i] = static_cast<std::uint8_t>(table[i] + zero);
    return x;
  }
  static U lut(const Levels& levels, U nibbles) {
    return each([&](int i) {
      std::uint32_t bytes = 0;
      for (int b = 0; b < 32; b += 8) {
        bytes |= std::uint32_t{levels.level[nibbles.lane[i] >> b & 15]} << b;
      }
      return bytes;
    });
  }
  static U gather(const std::uint32_t* table, U index) {
    return each([&](int i) { return table[index.lane[i]]; });
  }
  static void gather_pair(const std::uint32_t* table, U index, U& low, U& high) {
    low = each([&](int i) { return table[2 * index.lane[i]]; });
    high = each([&](int i) { return table[2 * index.lane[i] + 1]; });
  }

  static F half(U x) {
    return each_f(
        [&](int i) { return quant::half_to_float(static_cast<std::uint16_t>(x.lane[i])); });
  }
  static F from_int(U x) {
    return each_f([&](int i) { return static_cast<float>(static_cast<std::int32_t>(x.lane[i])); });
  }
  static F as_float(U x) {
    return each_f([&](int i) { return std::bit_cast<float>(x.lane[i]); });
  }
  static F mul(F a, F b) {
    return each_f([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static F add_f(F a, F b) {
    return each_f([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static F negate(F x) {
    return each_f([&](int i) { return -x.lane[i]; });
  }
  static F fma(F a, F b, F c) {  // in two steps, as the micro-kernels here
    return each_f([&](int i) { return c.lane[i] + a.lane[i] * b.lane[i]; });
  }
  template <int kLargest>
  static U dot(U acc, U bytes, const std::int8_t* x) {
    return each([&](int i) {
      std::uint32_t sum = acc.lane[i];
      for (int b = 0; b < 4; ++b) {
        sum += static_cast<std::uint32_t>(static_cast<int>(bytes.lane[i] >> 8 * b & 255) * x[b]);
      }
      return sum;
    });
  }
  static void store(std::uint8_t* to, const U& x) { std::memcpy(to, x.lane, sizeof(x.lane)); }
  static void store_f(float* to, const F& x) { std::memcpy(to, x.lane, sizeof(x.lane)); }
};

}  // namespace
}  // namespace llm::compute::cpu
