// What may be dialled. Every outgoing connection of the product asks here after the name was resolved and before the
// socket is opened, and then dials the very address that was checked (no second look-up: DNS rebinding).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pincer::io {

enum class AddressKind { global, loopback, private_network, link_local, metadata, unspecified, multicast, reserved };

// IPv4 and IPv6 text forms, IPv4-mapped and NAT64 forms seen through. Metadata: 169.254.169.254, fd00:ec2::254 and kin.
Result<AddressKind> classify_address(std::string_view ip);

// Refuses loopback, private, link-local and metadata addresses unless the host was named: `allow_hosts` holds exact
// host names or literal addresses that the operator's configuration points at ("127.0.0.1", "kubernetes.corp").
// Metadata addresses are refused even then, unless `allow_metadata`.
struct EgressPolicy {
    std::vector<std::string> allow_hosts;
    bool allow_private = false;  // every private and loopback address: for clusters whose API lives there
    bool allow_metadata = false;

    static EgressPolicy public_only() { return {}; }
    static EgressPolicy named(std::string host);  // public addresses and this one host
};

// Error: refused, with reason EGRESS_REFUSED and a message that names the host, the address and its kind.
Result<> check_egress(const EgressPolicy& policy, std::string_view host, std::string_view ip);

}  // namespace pincer::io
