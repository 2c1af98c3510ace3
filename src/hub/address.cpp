#include "hub/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace llm::hub {
namespace {

struct Block4 {
  std::uint32_t first;
  int bits;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// IANA's registry of special IPv4 addresses, and multicast.
constexpr Block4 kSpecial4[] = {
    {v4(0, 0, 0, 0), 8},       {v4(10, 0, 0, 0), 8},     {v4(100, 64, 0, 0), 10},
    {v4(127, 0, 0, 0), 8},     {v4(169, 254, 0, 0), 16}, {v4(172, 16, 0, 0), 12},
    {v4(192, 0, 0, 0), 24},    {v4(192, 0, 2, 0), 24},   {v4(192, 31, 196, 0), 24},
    {v4(192, 52, 193, 0), 24}, {v4(192, 88, 99, 0), 24}, {v4(192, 168, 0, 0), 16},
    {v4(192, 175, 48, 0), 24}, {v4(198, 18, 0, 0), 15},  {v4(198, 51, 100, 0), 24},
    {v4(203, 0, 113, 0), 24},  {v4(224, 0, 0, 0), 4},    {v4(240, 0, 0, 0), 4}};

struct Block6 {
  std::array<std::uint8_t, 6> first;
  int bits;
};

// Inside of 2000::/3, the only space of public hosts, these are none: protocol assignments with
// Teredo (2001::/23), documentation, 6to4, AS112.
constexpr Block6 kSpecial6[] = {{{0x20, 0x01, 0x00, 0x00, 0x00, 0x00}, 23},
                                {{0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00}, 32},
                                {{0x20, 0x02, 0x00, 0x00, 0x00, 0x00}, 16},
                                {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48},
                                {{0x3f, 0xff, 0x00, 0x00, 0x00, 0x00}, 20}};

bool begins_with(std::span<const std::uint8_t> address, std::span<const std::uint8_t> prefix,
                 int bits) {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const auto mask = static_cast<std::uint8_t>(bits >= 8 ? 0xff : 0xff << (8 - bits));
    if (((address[i] ^ prefix[i]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

bool is_public(const in_addr& address) {
  const std::uint32_t value = ntohl(address.s_addr);
  return std::none_of(std::begin(kSpecial4), std::end(kSpecial4), [value](const Block4& block) {
    return (value ^ block.first) >> (32 - block.bits) == 0;
  });
}

bool is_public(const in6_addr& address) {
  const std::span<const std::uint8_t, 16> bytes(address.s6_addr);
  constexpr std::uint8_t kNat64[12] = {0x00, 0x64, 0xff, 0x9b};
  if (begins_with(bytes, kNat64, 96)) {
    in_addr inside{};
    std::memcpy(&inside, bytes.data() + 12, sizeof inside);
    return is_public(inside);
  }
  if ((bytes[0] & 0xe0) != 0x20) return false;
  return std::none_of(std::begin(kSpecial6), std::end(kSpecial6), [&](const Block6& block) {
    return begins_with(bytes, block.first, block.bits);
  });
}

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4_address{};
    std::memcpy(&v4_address, &address, sizeof v4_address);
    return is_public(v4_address.sin_addr);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6_address{};
    std::memcpy(&v6_address, &address, sizeof v6_address);
    return is_public(v6_address.sin6_addr);
  }
  return false;
}

}  // namespace llm::hub
