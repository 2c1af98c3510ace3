// Expansion of every quantised type into panels, written once over vectors of 32-bit lanes in which
// a lane is a weight row and its four bytes are four neighbouring columns. Included by one file of
// each instruction set, which brings its `Lanes`; internal linkage, so that no copy serves another.
//
// Lanes provides: U (32-bit lanes), F (f32 lanes), kCount; Rows(base, stride) with load4(offset,
// U*) (16 bytes of each row, as four vectors) and load1(offset) (4 bytes of each row); operators as
// named below; spread<v> (bits 0..3 of a lane -> bytes v or 0); lut (nibble bytes through 16
// levels); gather (table of words) and gather_pair (table of pairs of words);
// dot<largest> (adds the products of a lane's bytes, unsigned and at most `largest`, with four
// signed bytes).
//
// The decoding formulas are those of src/quant; zero points (Scheme::zero) make the bytes unsigned.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "compute/cpu/kernels.h"
#include "quant/blocks.h"
#include "quant/half.h"

namespace llm::compute::cpu {
namespace {

/// A number known to the compiler.
template <int i>
struct Index {
  constexpr operator int() const { return i; }  // NOLINT: stands for an int
};

/// body(0), body(1), ... with constants, so that arrays they index become registers.
template <int kCount, class Body>
[[gnu::always_inline]] inline void unroll(Body body) {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    (body(Index<i>{}), ...);
  }
  (std::make_integer_sequence<int, kCount>{});
}

/// Where one quant block goes.
template <class L>
struct Sink {
  std::uint8_t* q;
  float* scale_to;
  float* offset_to;
  std::int64_t pitch;  // rows

  /// Columns 4 * group .. 4 * group + 3 of all lanes.
  void put(int group, typename L::U bytes) const { L::store(q + group * pitch * 4, bytes); }
  /// Of all lanes, for Scheme::step columns from step * Scheme::step on.
  void scale(int step, typename L::F value) const { L::store_f(scale_to + step * pitch, value); }
  void offset(int step, typename L::F value) const { L::store_f(offset_to + step * pitch, value); }
  /// Said when everything of some blocks of 32 columns has been put.
  void done(int /*first_block*/, int /*blocks*/) const {}
};

/// Instead of a panel, products at once: for few tokens the way through memory costs more than
/// unpacking does. The operations are those of the micro-kernels, in the same order.
template <class L, class Type, int kTokens>
struct Direct {
  using U = typename L::U;
  using F = typename L::F;
  static constexpr Scheme kScheme = Type::kScheme;
  static constexpr int kSteps = Type::kColumns / kScheme.step;
  static constexpr int kParts = kBlock / kScheme.step;

  const std::int8_t* x;
  const float* x_scale;
  const std::int32_t* x_start;
  const float* x_sum;
  F acc[kTokens];
  F scales[kSteps], offsets[kSteps];
  U dot[kSteps][kTokens];

  void begin() {
    unroll<kSteps>([&](auto step) {
      unroll<kTokens>([&](auto t) {
        dot[step][t] = kScheme.offset
                           ? L::set(0)
                           : L::set(static_cast<std::uint32_t>(x_start[step * kTokens + t]));
      });
    });
  }
  void put(int group, U bytes) {
    const int step = group * 4 / kScheme.step;
    unroll<kTokens>([&](auto t) {
      dot[step][t] =
          L::template dot<kScheme.largest>(dot[step][t], bytes, x + (group * kTokens + t) * 4);
    });
  }
  void scale(int step, F value) { scales[step] = value; }
  void offset(int step, F value) { offsets[step] = value; }
  void done(int first_block, int blocks) {
    for (int block = first_block; block < first_block + blocks; ++block) {
      unroll<kTokens>([&](auto t) {
        F total = L::set_f(0);
        unroll<kParts>([&](auto part) {
          const int step = block * kParts + part;
          const F value = L::from_int(dot[step][t]);
          total = part == 0 ? L::mul(value, scales[step]) : L::fma(value, scales[step], total);
          if (kScheme.offset) {
            total = L::fma(offsets[step], L::set_f(x_sum[step * kTokens + t]), total);
          }
        });
        acc[t] = L::fma(total, L::set_f(x_scale[block * kTokens + t]), acc[t]);
      });
    }
  }
  void advance() {
    x += Type::kColumns * kTokens;
    x_scale += Type::kColumns / kBlock * kTokens;
    if (kScheme.offset) {
      x_sum += kSteps * kTokens;
    } else {
      x_start += kSteps * kTokens;
    }
  }
};

template <class L>
struct Unpackers {
  using U = typename L::U;
  using F = typename L::F;
  using Rows = typename L::Rows;

  static U low_nibbles(U x) { return L::and_(x, L::set(0x0f0f0f0f)); }
  static U high_nibbles(U x) { return L::and_(L::template srl<4>(x), L::set(0x0f0f0f0f)); }
  static U byte(U x, int i) { return L::and_(L::srl(x, 8 * i), L::set(0xff)); }
  static F to_float(U x) { return L::from_int(x); }
  static F high_half(U x) { return L::half(L::template srl<16>(x)); }
  /// byte -> byte with the sign bits of `nibble` (bit i: byte i) applied, plus `zero`.
  static U signed_bytes(U magnitudes, U nibble, U zero) {
    const U mask = L::template spread<0xff>(nibble);
    return L::sub8(L::add8(L::xor_(magnitudes, mask), zero), mask);
  }

  // ---- Blocks of 32, 64 and 128 columns

  struct Q4_0 {
    using Block = quant::BlockQ4_0;
    static constexpr quant::Type kType = quant::Type::q4_0;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = {.zero = 8, .step = 32, .offset = false, .largest = 15};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      to.scale(0, L::half(rows.load1(offsetof(Block, d))));
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      unroll<4>([&](auto g) {
        to.put(g, low_nibbles(x[g]));
        to.put(4 + g, high_nibbles(x[g]));
      });
      to.done(0, 1);
    }
  };

  struct Q4_1 {
    using Block = quant::BlockQ4_1;
    static constexpr quant::Type kType = quant::Type::q4_1;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = {.zero = 0, .step = 32, .offset = true, .largest = 15};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const U head = rows.load1(0);
      to.scale(0, L::half(head));
      to.offset(0, high_half(head));
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      unroll<4>([&](auto g) {
        to.put(g, low_nibbles(x[g]));
        to.put(4 + g, high_nibbles(x[g]));
      });
      to.done(0, 1);
    }
  };

  template <class To>
  static void five_bits(const U (&x)[4], U fifth, To& to) {
    unroll<4>([&](auto g) {
      const U low = L::template spread<0x10>(L::srl(fifth, 4 * g));
      const U high = L::template spread<0x10>(L::srl(fifth, 16 + 4 * g));
      to.put(g, L::or_(low_nibbles(x[g]), low));
      to.put(4 + g, L::or_(high_nibbles(x[g]), high));
    });
    to.done(0, 1);
  }

  struct Q5_0 {
    using Block = quant::BlockQ5_0;
    static constexpr quant::Type kType = quant::Type::q5_0;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = {.zero = 16, .step = 32, .offset = false, .largest = 31};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      to.scale(0, L::half(rows.load1(offsetof(Block, d))));
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      five_bits(x, rows.load1(offsetof(Block, qh)), to);
    }
  };

  struct Q5_1 {
    using Block = quant::BlockQ5_1;
    static constexpr quant::Type kType = quant::Type::q5_1;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = {.zero = 0, .step = 32, .offset = true, .largest = 31};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const U head = rows.load1(0);
      to.scale(0, L::half(head));
      to.offset(0, high_half(head));
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      five_bits(x, rows.load1(offsetof(Block, qh)), to);
    }
  };

  /// Types whose bytes need all 8 bits: unsigned by an offset, or signed where the kernels want it.
  static constexpr Scheme kWide = {
      .zero = L::kWideZero, .step = 32, .offset = false, .largest = 255};

  struct Q8_0 {
    using Block = quant::BlockQ8_0;
    static constexpr quant::Type kType = quant::Type::q8_0;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = kWide;
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      to.scale(0, L::half(rows.load1(offsetof(Block, d))));
      unroll<2>([&](auto half) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * half, x);
        unroll<4>([&](auto g) {
          to.put(4 * half + g, L::xor_(x[g], L::set(L::kWideZero * 0x01010101u)));
        });
      });
      to.done(0, 1);
    }
  };

  struct IQ4_NL {
    using Block = quant::BlockIQ4_NL;
    static constexpr quant::Type kType = quant::Type::iq4_nl;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = kWide;
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      to.scale(0, L::half(rows.load1(offsetof(Block, d))));
      const auto levels = L::levels(kCodebooks.iq4, L::kWideZero);
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      unroll<4>([&](auto g) {
        to.put(g, L::lut(levels, low_nibbles(x[g])));
        to.put(4 + g, L::lut(levels, high_nibbles(x[g])));
      });
      to.done(0, 1);
    }
  };

  struct MXFP4 {
    using Block = quant::BlockMXFP4;
    static constexpr quant::Type kType = quant::Type::mxfp4;
    static constexpr int kColumns = 32;
    static constexpr Scheme kScheme = {.zero = 12, .step = 32, .offset = false, .largest = 24};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      // 2^(e - 128) as bits of an f32; the two subnormal scales become 0.
      const U exponent = byte(rows.load1(offsetof(Block, e)), 0);
      to.scale(0, L::as_float(L::template sll<23>(L::sub_to_zero(exponent, L::set(1)))));
      const auto levels = L::levels(kCodebooks.fp4, 12);
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      unroll<4>([&](auto g) {
        to.put(g, L::lut(levels, low_nibbles(x[g])));
        to.put(4 + g, L::lut(levels, high_nibbles(x[g])));
      });
      to.done(0, 1);
    }
  };

  struct NVFP4 {
    using Block = quant::BlockNVFP4;
    static constexpr quant::Type kType = quant::Type::nvfp4;
    static constexpr int kColumns = 64;
    static constexpr Scheme kScheme = {.zero = 12, .step = 16, .offset = false, .largest = 24};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const U scales = rows.load1(offsetof(Block, d));
      const auto levels = L::levels(kCodebooks.fp4, 12);
      unroll<2>([&](auto pair) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * pair, x);
        unroll<2>([&](auto i) {
          const int group = 2 * pair + i;
          to.scale(group, e4m3_half(byte(scales, group)));
          unroll<2>([&](auto j) {
            to.put(4 * group + j, L::lut(levels, low_nibbles(x[2 * i + j])));
            to.put(4 * group + 2 + j, L::lut(levels, high_nibbles(x[2 * i + j])));
          });
        });
        to.done(pair, 1);
      });
    }
    /// Half the value of an unsigned E4M3 number. The 7 bits, read as exponent and mantissa of an
    /// f32, are that value but for a power of two. 0x7f means 0 (0xff does not).
    static F e4m3_half(U code) {
      code = L::and_(L::zero_where_equal(code, L::set(0x7f)), L::set(0x7f));
      const U exponent = L::template srl<3>(code);
      const F normal = L::as_float(L::template sll<20>(L::add(code, L::set((127 - 8) << 3))));
      const F subnormal = L::mul(to_float(code), L::set_f(0x1p-10f));
      return L::choose_if_zero(exponent, subnormal, normal);
    }
  };

  struct Q1_0 {
    using Block = quant::BlockQ1_0;
    static constexpr quant::Type kType = quant::Type::q1_0;
    static constexpr int kColumns = 128;
    static constexpr Scheme kScheme = {.zero = 1, .step = 32, .offset = false, .largest = 2};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      unroll<4>([&](auto b) {
        to.scale(b, d);
        unroll<8>([&](auto g) { to.put(8 * b + g, L::template spread<2>(L::srl(x[b], 4 * g))); });
        to.done(b, 1);
      });
    }
  };

  struct Q2_0 {
    using Block = quant::BlockQ2_0;
    static constexpr quant::Type kType = quant::Type::q2_0;
    static constexpr int kColumns = 64;
    static constexpr Scheme kScheme = {.zero = 1, .step = 32, .offset = false, .largest = 3};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      to.scale(0, d);
      to.scale(1, d);
      U x[4];
      rows.load4(offsetof(Block, qs), x);
      unroll<16>([&](auto g) {
        // Four neighbouring fields of one byte, moved apart to a byte each.
        const U b = byte(x[g / 4], g % 4);
        const U near = L::or_(b, L::template sll<6>(b));
        const U far = L::or_(L::template sll<12>(b), L::template sll<18>(b));
        to.put(g, L::and_(L::or_(near, far), L::set(0x03030303)));
      });
      to.done(0, 2);
    }
  };

  // ---- K types: 256 columns

  /// The 6-bit scales and minima of Q4_K and Q5_K, four bytes to a word.
  struct SixBitPairs {
    U scale[2], minimum[2];
    F d, dmin;
    SixBitPairs(const Rows& rows) {
      U head[4];  // d and dmin, then 12 bytes
      rows.load4(0, head);
      d = L::half(head[0]);
      dmin = high_half(head[0]);
      const U six = L::set(0x3f3f3f3f), top = L::set(0x30303030);
      scale[0] = L::and_(head[1], six);
      minimum[0] = L::and_(head[2], six);
      scale[1] = L::or_(low_nibbles(head[3]), L::and_(L::template srl<2>(head[1]), top));
      minimum[1] = L::or_(high_nibbles(head[3]), L::and_(L::template srl<2>(head[2]), top));
    }
    template <class To>
    void put(To& to) const {
      unroll<8>([&](auto g) {
        to.scale(g, L::mul(d, to_float(byte(scale[g / 4], g % 4))));
        to.offset(g, L::negate(L::mul(dmin, to_float(byte(minimum[g / 4], g % 4)))));
      });
    }
  };

  struct Q4_K {
    using Block = quant::BlockQ4_K;
    static constexpr quant::Type kType = quant::Type::q4_k;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 0, .step = 32, .offset = true, .largest = 15};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      SixBitPairs(rows).put(to);
      unroll<8>([&](auto i) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * i, x);
        const int first = i / 2 * 16 + i % 2 * 4;
        unroll<4>([&](auto g) {
          to.put(first + g, low_nibbles(x[g]));
          to.put(first + 8 + g, high_nibbles(x[g]));
        });
        if (i % 2 == 1) to.done(i - 1, 2);
      });
    }
  };

  struct Q5_K {
    using Block = quant::BlockQ5_K;
    static constexpr quant::Type kType = quant::Type::q5_k;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 0, .step = 32, .offset = true, .largest = 31};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      SixBitPairs(rows).put(to);
      U fifth[8];
      rows.load4(offsetof(Block, qh), fifth);
      rows.load4(offsetof(Block, qh) + 16, fifth + 4);
      unroll<8>([&](auto i) {
        const int k = i / 2, half = i % 2;
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * i, x);
        const int first = 16 * k + 4 * half;
        unroll<4>([&](auto g) {
          const U bits = fifth[4 * half + g];
          const U low = L::and_(L::srl(bits, 2 * k), L::set(0x01010101));
          const U high = L::and_(L::srl(bits, 2 * k + 1), L::set(0x01010101));
          to.put(first + g, L::or_(low_nibbles(x[g]), L::template sll<4>(low)));
          to.put(first + 8 + g, L::or_(high_nibbles(x[g]), L::template sll<4>(high)));
        });
        if (half == 1) to.done(2 * k, 2);
      });
    }
  };

  struct Q6_K {
    using Block = quant::BlockQ6_K;
    static constexpr quant::Type kType = quant::Type::q6_k;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 32, .step = 16, .offset = false, .largest = 63};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = high_half(rows.load1(offsetof(Block, d) - 2));
      U scales[4];
      rows.load4(offsetof(Block, scales), scales);
      unroll<16>([&](auto g) {
        const U scale = L::template sra<24>(L::sll(scales[g / 4], 24 - g % 4 * 8));
        to.scale(g, L::mul(d, to_float(scale)));
      });
      const U top = L::set(0x30303030);
      unroll<4>([&](auto i) {  // halves of the planes of both halves of the block
        const int half = i / 2, part = i % 2;
        U near[4], far[4], high[4];
        rows.load4(offsetof(Block, ql) + 64 * half + 16 * part, near);
        rows.load4(offsetof(Block, ql) + 64 * half + 32 + 16 * part, far);
        rows.load4(offsetof(Block, qh) + 32 * half + 16 * part, high);
        const int first = 32 * half + 4 * part;
        unroll<4>([&](auto g) {
          const U h = high[g];
          to.put(first + g, L::or_(low_nibbles(near[g]), L::and_(L::template sll<4>(h), top)));
          to.put(first + 8 + g, L::or_(low_nibbles(far[g]), L::and_(L::template sll<2>(h), top)));
          to.put(first + 16 + g, L::or_(high_nibbles(near[g]), L::and_(h, top)));
          to.put(first + 24 + g, L::or_(high_nibbles(far[g]), L::and_(L::template srl<2>(h), top)));
        });
        if (part == 1) to.done(4 * half, 4);
      });
    }
  };

  /// Fields of two bits in planes: calls put(group, bytes) for all 64 groups of a block, and done.
  template <class To, class Put>
  static void planes(const Rows& rows, int offset, To& to, Put put) {
    unroll<4>([&](auto i) {
      U x[4];
      rows.load4(offset + 16 * i, x);
      const int first = i / 2 * 32 + i % 2 * 4;
      unroll<4>([&](auto p) {
        unroll<4>([&](auto g) {
          put(first + 8 * p + g, L::and_(L::srl(x[g], 2 * p), L::set(0x03030303)));
        });
      });
      if (i % 2 == 1) to.done(i / 2 * 4, 4);
    });
  }

  struct Q2_K {
    using Block = quant::BlockQ2_K;
    static constexpr quant::Type kType = quant::Type::q2_k;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 0, .step = 16, .offset = true, .largest = 3};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const U head = rows.load1(offsetof(Block, d));
      const F d = L::half(head), dmin = high_half(head);
      U scales[4];
      rows.load4(offsetof(Block, scales), scales);
      unroll<16>([&](auto g) {
        const U s = byte(scales[g / 4], g % 4);
        to.scale(g, L::mul(d, to_float(L::and_(s, L::set(15)))));
        to.offset(g, L::negate(L::mul(dmin, to_float(L::template srl<4>(s)))));
      });
      planes(rows, offsetof(Block, qs), to, [&](int group, U x) { to.put(group, x); });
    }
  };

  struct Q3_K {
    using Block = quant::BlockQ3_K;
    static constexpr quant::Type kType = quant::Type::q3_k;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 4, .step = 16, .offset = false, .largest = 7};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      put_scales(rows, to);
      U high[8];
      rows.load4(offsetof(Block, hmask), high);
      rows.load4(offsetof(Block, hmask) + 16, high + 4);
      planes(rows, offsetof(Block, qs), to, [&](int group, U x) {
        const U bit = L::and_(L::srl(high[group % 8], group / 8), L::set(0x01010101));
        to.put(group, L::or_(x, L::template sll<2>(bit)));
      });
    }
    template <class To>
    static void put_scales(const Rows& rows, To& to) {
      const U low = rows.load1(offsetof(Block, scales));  // 8 bytes of two low nibbles
      const U mid = rows.load1(offsetof(Block, scales) + 4);
      const U top = rows.load1(offsetof(Block, scales) + 8);  // 4 bytes of four upper pairs
      const F d = high_half(rows.load1(offsetof(Block, d) - 2));
      unroll<4>([&](auto quad) {
        const U from = quad % 2 == 0 ? low : mid;
        const U nibbles = quad < 2 ? low_nibbles(from) : high_nibbles(from);
        const U upper = L::and_(L::srl(top, 2 * quad), L::set(0x03030303));
        const U six = L::or_(nibbles, L::template sll<4>(upper));
        unroll<4>([&](auto i) {
          const U scale = L::sub(byte(six, i), L::set(32));
          to.scale(4 * quad + i, L::mul(d, to_float(scale)));
        });
      });
    }
  };

  struct IQ4_XS {
    using Block = quant::BlockIQ4_XS;
    static constexpr quant::Type kType = quant::Type::iq4_xs;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = kWide;
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const U head = rows.load1(0);  // d, scales_h
      const U low = rows.load1(offsetof(Block, scales_l));
      const F d = L::half(head);
      const auto levels = L::levels(kCodebooks.iq4, L::kWideZero);
      unroll<8>([&](auto b) {
        const U four = L::and_(L::srl(low, 4 * b), L::set(15));
        const U two = L::and_(L::srl(head, 16 + 2 * b), L::set(3));
        const U scale = L::sub(L::or_(four, L::template sll<4>(two)), L::set(32));
        to.scale(b, L::mul(d, to_float(scale)));
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * b, x);
        unroll<4>([&](auto g) {
          to.put(8 * b + g, L::lut(levels, low_nibbles(x[g])));
          to.put(8 * b + 4 + g, L::lut(levels, high_nibbles(x[g])));
        });
        to.done(b, 1);
      });
    }
  };

  // ---- Ternary types: 256 columns

  struct TQ1_0 {
    using Block = quant::BlockTQ1_0;
    static constexpr quant::Type kType = quant::Type::tq1_0;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 1, .step = 32, .offset = false, .largest = 2};

    /// Bytes as fractions of 256 in base 3: gives the next digits and moves on. The even and odd
    /// bytes go apart, because a product with 3 needs 10 bits.
    struct Digits {
      U even, odd;
      explicit Digits(U bytes)
          : even(L::and_(bytes, L::set(0x00ff00ff))),
            odd(L::and_(L::template srl<8>(bytes), L::set(0x00ff00ff))) {}
      U next() {
        const U e = L::add(even, L::add(even, even)), o = L::add(odd, L::add(odd, odd));
        even = L::and_(e, L::set(0x00ff00ff));
        odd = L::and_(o, L::set(0x00ff00ff));
        const U digits = L::set(0x03000300);
        return L::or_(L::template srl<8>(L::and_(e, digits)), L::and_(o, digits));
      }
    };

    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = high_half(rows.load1(offsetof(Block, d) - 2));
      for (int b = 0; b < 8; ++b) to.scale(b, d);
      for (int i = 0; i < 3; ++i) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * i, x);
        const int first = i < 2 ? 4 * i : 40, apart = i < 2 ? 8 : 4;
        for (int g = 0; g < 4; ++g) put_digits(x[g], 5, first + g, apart, to);
      }
      put_digits(rows.load1(offsetof(Block, qh)), 4, 60, 1, to);
      to.done(0, 8);
    }
    template <class To>
    static void put_digits(U bytes, int count, int group, int apart, To& to) {
      Digits digits(bytes);
      for (int n = 0; n < count; ++n) to.put(group + n * apart, digits.next());
    }
  };

  struct TQ2_0 {
    using Block = quant::BlockTQ2_0;
    static constexpr quant::Type kType = quant::Type::tq2_0;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {.zero = 1, .step = 32, .offset = false, .largest = 3};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = high_half(rows.load1(offsetof(Block, d) - 2));
      unroll<8>([&](auto b) { to.scale(b, d); });
      planes(rows, offsetof(Block, qs), to, [&](int group, U x) { to.put(group, x); });
    }
  };

  // ---- Grid types: 256 columns. Magnitudes up to 62 with signs, about 64.

  static constexpr int kGridZero = 64;
  static U grid_zero() { return L::set(kGridZero * 0x01010101u); }

  /// Eight magnitudes and a byte of signs -> two groups.
  template <class To>
  static void put_signed(U low, U high, U signs, int group, To& to) {
    to.put(group, signed_bytes(low, signs, grid_zero()));
    to.put(group + 1, signed_bytes(high, L::template srl<4>(signs), grid_zero()));
  }

  /// Eight signs from seven: the eighth makes their number even.
  static U even_signs(U code) {
    code = L::and_(code, L::set(127));
    const U folded = L::and_(L::xor_(code, L::template srl<4>(code)), L::set(15));
    const U parity = L::srl_each(L::set(0x6996), folded);  // bit n: parity of n
    return L::or_(code, L::template sll<7>(L::and_(parity, L::set(1))));
  }

  /// (d * (0.5 + s)) * factor
  static F half_step_scale(F d, U s, float factor) {
    return L::mul(L::mul(d, L::add_f(to_float(s), L::set_f(0.5f))), L::set_f(factor));
  }

  struct IQ2_XXS {
    using Block = quant::BlockIQ2_XXS;
    static constexpr quant::Type kType = quant::Type::iq2_xxs;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kGridZero, .step = 32, .offset = false, .largest = kGridZero + 62};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      for (int pair = 0; pair < 4; ++pair) {
        U x[4];  // indices and signs of two sub-blocks of 32
        rows.load4(offsetof(Block, groups) + 16 * pair, x);
        for (int i = 0; i < 2; ++i) {
          const int b = 2 * pair + i;
          const U indices = x[2 * i], signs = x[2 * i + 1];
          to.scale(b, half_step_scale(d, L::template srl<28>(signs), 0.25f));
          for (int l = 0; l < 4; ++l) {
            U low, high;
            L::gather_pair(kCodebooks.iq2_xxs, byte(indices, l), low, high);
            put_signed(low, high, even_signs(L::srl(signs, 7 * l)), 8 * b + 2 * l, to);
          }
          to.done(b, 1);
        }
      }
    }
  };

  struct IQ2_XS {
    using Block = quant::BlockIQ2_XS;
    static constexpr quant::Type kType = quant::Type::iq2_xs;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kGridZero, .step = 16, .offset = false, .largest = kGridZero + 62};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      put_nibble_scales(rows, offsetof(Block, scales), d, to);
      for (int i = 0; i < 4; ++i) {
        U x[4];  // eight codes of 16 bits
        rows.load4(offsetof(Block, qs) + 16 * i, x);
        for (int k = 0; k < 8; ++k) {
          const U code = k % 2 == 0 ? x[k / 2] : L::template srl<16>(x[k / 2]);
          U low, high;
          L::gather_pair(kCodebooks.iq2_xs, L::and_(code, L::set(511)), low, high);
          put_signed(low, high, even_signs(L::template srl<9>(code)), 16 * i + 2 * k, to);
        }
        to.done(2 * i, 2);
      }
    }
  };

  /// Sixteen nibbles, low ones first.
  template <class To>
  static void put_nibble_scales(const Rows& rows, int offset, F d, To& to) {
    for (int word = 0; word < 2; ++word) {
      const U scales = rows.load1(offset + 4 * word);
      for (int i = 0; i < 8; ++i) {
        const U s = L::and_(L::srl(scales, 4 * i), L::set(15));
        to.scale(8 * word + i, half_step_scale(d, s, 0.25f));
      }
    }
  }

  struct IQ2_S {
    using Block = quant::BlockIQ2_S;
    static constexpr quant::Type kType = quant::Type::iq2_s;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kGridZero, .step = 16, .offset = false, .largest = kGridZero + 62};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      const U high_bits[2] = {rows.load1(offsetof(Block, qh)), rows.load1(offsetof(Block, qh) + 4)};
      put_nibble_scales(rows, offsetof(Block, scales), d, to);
      for (int half = 0; half < 2; ++half) {
        U x[4], signs[4];
        rows.load4(offsetof(Block, qs) + 16 * half, x);
        rows.load4(offsetof(Block, signs) + 16 * half, signs);
        for (int k = 0; k < 16; ++k) {
          const U upper = L::and_(L::srl(high_bits[half], 2 * k), L::set(3));
          const U index = L::or_(byte(x[k / 4], k % 4), L::template sll<8>(upper));
          U low, high;
          L::gather_pair(kCodebooks.iq2_s, index, low, high);
          put_signed(low, high, L::srl(signs[k / 4], k % 4 * 8), 32 * half + 2 * k, to);
        }
        to.done(4 * half, 4);
      }
    }
  };

  struct IQ3_XXS {
    using Block = quant::BlockIQ3_XXS;
    static constexpr quant::Type kType = quant::Type::iq3_xxs;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kGridZero, .step = 32, .offset = false, .largest = kGridZero + 62};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      U signs[8];
      rows.load4(offsetof(Block, signs), signs);
      rows.load4(offsetof(Block, signs) + 16, signs + 4);
      for (int pair = 0; pair < 4; ++pair) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * pair, x);
        for (int k = 0; k < 8; ++k) {  // groups of 8 columns
          const int b = 2 * pair + k / 4;
          if (k % 4 == 0) to.scale(b, half_step_scale(d, L::template srl<28>(signs[b]), 0.5f));
          const U low = L::gather(kCodebooks.iq3_xxs, byte(x[k / 2], k % 2 * 2));
          const U high = L::gather(kCodebooks.iq3_xxs, byte(x[k / 2], k % 2 * 2 + 1));
          put_signed(low, high, even_signs(L::srl(signs[b], 7 * (k % 4))), 16 * pair + 2 * k, to);
        }
        to.done(2 * pair, 2);
      }
    }
  };

  struct IQ3_S {
    using Block = quant::BlockIQ3_S;
    static constexpr quant::Type kType = quant::Type::iq3_s;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kGridZero, .step = 32, .offset = false, .largest = kGridZero + 62};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::half(rows.load1(offsetof(Block, d)));
      const U scales = rows.load1(offsetof(Block, scales));
      for (int b = 0; b < 8; ++b) {
        const U s = L::and_(L::srl(scales, 4 * b), L::set(15));
        to.scale(b, L::mul(d, to_float(L::add(L::add(s, s), L::set(1)))));
      }
      const U ninth[2] = {rows.load1(offsetof(Block, qh)), rows.load1(offsetof(Block, qh) + 4)};
      for (int half = 0; half < 2; ++half) {
        U signs[4];
        rows.load4(offsetof(Block, signs) + 16 * half, signs);
        for (int part = 0; part < 2; ++part) {
          U x[4];
          rows.load4(offsetof(Block, qs) + 32 * half + 16 * part, x);
          for (int k = 0; k < 8; ++k) {  // groups of 8 columns
            const auto magnitudes = [&](int j) {
              const int n = 2 * k + j;
              const U bit = L::and_(L::srl(ninth[half], 16 * part + n), L::set(1));
              return L::gather(kCodebooks.iq3_s,
                               L::or_(byte(x[n / 4], n % 4), L::template sll<8>(bit)));
            };
            const U sign = L::srl(signs[2 * part + k / 4], k % 4 * 8);
            put_signed(magnitudes(0), magnitudes(1), sign, 32 * half + 16 * part + 2 * k, to);
          }
          to.done(4 * half + 2 * part, 2);
        }
      }
    }
  };

  /// IQ1: levels -1, 0, 1 moved by an eighth up or down; in eighths and about 9.
  static constexpr int kIq1Zero = 9;
  template <class To>
  static void put_iq1(U index, U down, int group, To& to) {
    U low, high;
    L::gather_pair(kCodebooks.iq1, index, low, high);
    const U one = L::set(0x01010101);
    const U shift = L::and_(L::sub(down, L::set(1)), L::set(0x02020202));  // down is 0 or 1
    to.put(group, L::add(L::template sll<3>(L::add8(low, one)), shift));
    to.put(group + 1, L::add(L::template sll<3>(L::add8(high, one)), shift));
  }

  struct IQ1_S {
    using Block = quant::BlockIQ1_S;
    static constexpr quant::Type kType = quant::Type::iq1_s;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kIq1Zero, .step = 32, .offset = false, .largest = 2 * kIq1Zero};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      const F d = L::mul(L::half(rows.load1(offsetof(Block, d))), L::set_f(quant::kIq1Delta));
      U heads[4];
      rows.load4(offsetof(Block, qh), heads);
      for (int half = 0; half < 2; ++half) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * half, x);
        for (int i = 0; i < 4; ++i) {
          const int b = 4 * half + i;
          const U head = L::srl(heads[b / 2], b % 2 * 16);
          const U s = L::and_(L::template srl<12>(head), L::set(7));
          to.scale(b, L::mul(d, to_float(L::add(L::add(s, s), L::set(1)))));
          const U down = L::and_(L::template srl<15>(head), L::set(1));
          for (int l = 0; l < 4; ++l) {
            const U upper = L::and_(L::srl(head, 3 * l), L::set(7));
            put_iq1(L::or_(byte(x[i], l), L::template sll<8>(upper)), down, 8 * b + 2 * l, to);
          }
          to.done(b, 1);
        }
      }
    }
  };

  struct IQ1_M {
    using Block = quant::BlockIQ1_M;
    static constexpr quant::Type kType = quant::Type::iq1_m;
    static constexpr int kColumns = 256;
    static constexpr Scheme kScheme = {
        .zero = kIq1Zero, .step = 16, .offset = false, .largest = 2 * kIq1Zero};
    template <class To>
    static void unpack(const Rows& rows, To& to) {
      put_scales(rows, to);
      U heads[4];
      rows.load4(offsetof(Block, qh), heads);
      for (int half = 0; half < 2; ++half) {
        U x[4];
        rows.load4(offsetof(Block, qs) + 16 * half, x);
        for (int k = 0; k < 16; ++k) {
          const U head = L::srl(heads[2 * half + k / 8], k % 8 * 4);
          const U down = L::and_(L::template srl<3>(head), L::set(1));
          const U upper = L::template sll<8>(L::and_(head, L::set(7)));
          put_iq1(L::or_(byte(x[k / 4], k % 4), upper), down, 32 * half + 2 * k, to);
        }
        to.done(4 * half, 4);
      }
    }
    template <class To>
    static void put_scales(const Rows& rows, To& to) {
      const U words[2] = {rows.load1(offsetof(Block, scales)),
                          rows.load1(offsetof(Block, scales) + 4)};
      const U top = L::set(0xf000);
      // d: the top nibbles of the four 16-bit words, the first lowest.
      const U d01 = L::or_(L::template srl<12>(L::and_(words[0], top)),
                           L::template sll<4>(L::template srl<28>(words[0])));
      const U d23 = L::or_(L::template srl<4>(L::and_(words[1], top)),
                           L::template sll<12>(L::template srl<28>(words[1])));
      const F d = L::mul(L::half(L::or_(d01, d23)), L::set_f(quant::kIq1Delta));
      for (int n = 0; n < 16; ++n) {
        const U s = L::and_(L::srl(words[n / 8], n / 4 % 2 * 16 + n % 4 * 3), L::set(7));
        to.scale(n, L::mul(d, to_float(L::add(L::add(s, s), L::set(1)))));
      }
    }
  };
};

/// Asks for one quant block of as many rows as a vector has lanes, and moves on.
template <class L, int kBytes>
void prefetch(const std::byte*& ahead) {
  constexpr std::int64_t kLine = 64;
  if (!ahead) return;
  for (std::int64_t i = 0; i < L::kCount * kBytes; i += kLine) __builtin_prefetch(ahead + i, 0, 2);
  ahead += L::kCount * kBytes;
}

/// See UnpackFunction.
template <class L, class Type>
void unpack_rows(const std::byte* base, std::int64_t stride, int columns, PanelSlice to,
                 const std::byte* ahead) {
  constexpr int kBytes = sizeof(typename Type::Block);
  constexpr int kSteps = Type::kColumns / Type::kScheme.step;
  typename L::Rows rows(base, stride);
  Sink<L> sink{to.q, to.scale, to.offset, to.pitch};
  for (int column = 0; column < columns; column += Type::kColumns) {
    prefetch<L, kBytes>(ahead);
    Type::unpack(rows, sink);
    rows.advance(kBytes);
    sink.q += Type::kColumns * to.pitch;
    sink.scale_to += kSteps * static_cast<std::int64_t>(to.pitch);
    sink.offset_to += kSteps * static_cast<std::int64_t>(to.pitch);
  }
}

/// See DirectFunction.
template <class L, class Type, int kTokens>
void multiply_rows(const std::byte* base, std::int64_t stride, int columns,
                   const MultiplyArguments& a, const std::byte* ahead) {
  constexpr int kBytes = sizeof(typename Type::Block);
  typename L::Rows rows(base, stride);
  Direct<L, Type, kTokens> direct;
  direct.x = a.x;
  direct.x_scale = a.x_scale;
  direct.x_start = a.x_start;
  direct.x_sum = a.x_sum;
  for (int t = 0; t < kTokens; ++t) direct.acc[t] = L::set_f(0);
  for (int column = 0; column < columns; column += Type::kColumns) {
    prefetch<L, kBytes>(ahead);
    direct.begin();
    Type::unpack(rows, direct);
    rows.advance(kBytes);
    direct.advance();
  }
  for (int t = 0; t < kTokens; ++t) L::store_f(a.acc + t * L::kCount, direct.acc[t]);
}

/// Null from the token count on where panels are faster.
template <class L, class Multiply, class Type, int kTokens>
constexpr DirectFunction direct() {
  if constexpr (kTokens <= Multiply::direct_tokens(Type::kColumns)) {
    return &multiply_rows<L, Type, kTokens>;
  } else {
    return nullptr;
  }
}

/// The row of the table for one type; Multiply::table finds its micro-kernels.
template <class L, class Multiply, class Type>
constexpr QuantKernels quant_kernels() {
  return {
      Type::kType,
      Type::kScheme,
      &unpack_rows<L, Type>,
      Multiply::template table<Type::kScheme.step, Type::kScheme.offset, Type::kScheme.largest>(),
      {direct<L, Multiply, Type, 1>(), direct<L, Multiply, Type, 2>(),
       direct<L, Multiply, Type, 3>(), direct<L, Multiply, Type, 4>()}};
}

template <class L, class Multiply>
struct QuantTable {
  using Of = Unpackers<L>;
  static constexpr QuantKernels kRows[] = {
      quant_kernels<L, Multiply, typename Of::Q4_0>(),
      quant_kernels<L, Multiply, typename Of::Q4_1>(),
      quant_kernels<L, Multiply, typename Of::Q5_0>(),
      quant_kernels<L, Multiply, typename Of::Q5_1>(),
      quant_kernels<L, Multiply, typename Of::Q8_0>(),
      quant_kernels<L, Multiply, typename Of::Q2_K>(),
      quant_kernels<L, Multiply, typename Of::Q3_K>(),
      quant_kernels<L, Multiply, typename Of::Q4_K>(),
      quant_kernels<L, Multiply, typename Of::Q5_K>(),
      quant_kernels<L, Multiply, typename Of::Q6_K>(),
      quant_kernels<L, Multiply, typename Of::IQ4_NL>(),
      quant_kernels<L, Multiply, typename Of::IQ4_XS>(),
      quant_kernels<L, Multiply, typename Of::MXFP4>(),
      quant_kernels<L, Multiply, typename Of::NVFP4>(),
      quant_kernels<L, Multiply, typename Of::IQ2_XXS>(),
      quant_kernels<L, Multiply, typename Of::IQ2_XS>(),
      quant_kernels<L, Multiply, typename Of::IQ2_S>(),
      quant_kernels<L, Multiply, typename Of::IQ3_XXS>(),
      quant_kernels<L, Multiply, typename Of::IQ3_S>(),
      quant_kernels<L, Multiply, typename Of::IQ1_S>(),
      quant_kernels<L, Multiply, typename Of::IQ1_M>(),
      quant_kernels<L, Multiply, typename Of::TQ1_0>(),
      quant_kernels<L, Multiply, typename Of::TQ2_0>(),
      quant_kernels<L, Multiply, typename Of::Q1_0>(),
      quant_kernels<L, Multiply, typename Of::Q2_0>(),
  };
  static constexpr int kCount = static_cast<int>(sizeof(kRows) / sizeof(kRows[0]));
};

}  // namespace
}  // namespace llm::compute::cpu
