// Which network addresses may be reached on behalf of a request: the ones of the public internet.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

namespace llm::hub {

/// False for private, loopback, link-local, multicast, documentation and other special addresses
/// (the registries of RFC 6890), for IPv6 forms that carry another address inside (mapped,
/// compatible, 6to4, Teredo), and for families other than IPv4 and IPv6. NAT64 (64:ff9b::/96), by
/// which a network without IPv4 reaches public hosts, is judged by the address inside.
bool is_public_address(const sockaddr& address);
bool is_public(const in_addr& address);
bool is_public(const in6_addr& address);

}  // namespace llm::hub
