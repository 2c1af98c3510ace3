#include "hub/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <cstring>
#include <string>

namespace llm::hub {
namespace {

bool is_public(const std::string& text) {
  sockaddr_storage storage{};
  if (text.find(':') == text.npos) {
    auto* address = reinterpret_cast<sockaddr_in*>(&storage);
    address->sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &address->sin_addr), 1) << text;
  } else {
    auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
    address->sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address->sin6_addr), 1) << text;
  }
  return is_public_address(reinterpret_cast<const sockaddr&>(storage));
}

TEST(Addresses, OfThePublicInternetAreReached) {
  for (const char* text : {"1.1.1.1",
                           "8.8.8.8",
                           "9.255.255.255",
                           "11.0.0.0",
                           "100.63.255.255",
                           "100.128.0.0",
                           "126.255.255.255",
                           "128.0.0.0",
                           "169.253.255.255",
                           "169.255.0.0",
                           "172.15.255.255",
                           "172.32.0.0",
                           "192.167.255.255",
                           "192.169.0.0",
                           "198.17.255.255",
                           "198.20.0.0",
                           "223.255.255.255",
                           "2606:4700::1111",
                           "2a00:1450:4001:81b::200e",
                           "2001:4860:4860::8888",
                           "2400:cb00::1",
                           "64:ff9b::8.8.8.8"})
    EXPECT_TRUE(is_public(text)) << text;
}

TEST(Addresses, OfThisMachineAndItsNetworkAreNot) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.254",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "192.168.255.255",
                           "::",
                           "::1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "fc00::1",
                           "fd12:3456::1"})
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(Addresses, OfSpecialUseAreNot) {
  for (const char* text : {"192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255",
                           "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255",
                           "240.0.0.1", "255.255.255.255", "2001:db8::1", "3fff::1", "3fff:fff::1",
                           "ff02::1", "100::1", "5f00::1", "4000::1", "2620:4f:8000::1"})
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(Addresses, ThatCarryAnotherInsideAreNot) {
  for (const char* text :
       {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8",
        "::ffff:0:127.0.0.1",                                             // translated (SIIT)
        "2002:7f00:1::1", "2002:a00:1::1", "2002:808:808::1",             // 6to4
        "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",                // Teredo
        "64:ff9b::127.0.0.1", "64:ff9b::10.1.2.3", "64:ff9b::a9fe:a9fe",  // NAT64 of private ones
        "64:ff9b:1::8.8.8.8", "64:ff9b:0:0:1::8.8.8.8"})                  // NAT64 of local use
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(Addresses, OfOtherFamiliesAreNot) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_FALSE(is_public_address(reinterpret_cast<const sockaddr&>(storage)));
}

}  // namespace
}  // namespace llm::hub
