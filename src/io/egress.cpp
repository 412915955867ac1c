#include "io/egress.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"

namespace pincer::io {
namespace {

using V4 = std::uint32_t;  // host order
using V6 = std::array<std::uint8_t, 16>;

constexpr V4 v4(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

struct Block4 {
    V4 prefix;
    int bits;
    AddressKind kind;
};

// IANA's special-purpose registry and the metadata services of the clouds; the first match counts.
constexpr Block4 kBlocks4[] = {
    {v4(169, 254, 169, 254), 32, AddressKind::metadata},  // AWS, Google, Azure, OpenStack, DigitalOcean, Hetzner
    {v4(169, 254, 170, 2), 32, AddressKind::metadata},    // ECS task credentials
    {v4(169, 254, 170, 23), 32, AddressKind::metadata},   // EKS pod identity
    {v4(169, 254, 42, 42), 32, AddressKind::metadata},    // Scaleway
    {v4(100, 100, 100, 200), 32, AddressKind::metadata},  // Alibaba
    {v4(192, 0, 0, 192), 32, AddressKind::metadata},      // Oracle
    {v4(168, 63, 129, 16), 32, AddressKind::metadata},    // Azure's host
    {v4(0, 0, 0, 0), 8, AddressKind::unspecified},          {v4(127, 0, 0, 0), 8, AddressKind::loopback},
    {v4(10, 0, 0, 0), 8, AddressKind::private_network},     {v4(172, 16, 0, 0), 12, AddressKind::private_network},
    {v4(192, 168, 0, 0), 16, AddressKind::private_network}, {v4(100, 64, 0, 0), 10, AddressKind::private_network},
    {v4(169, 254, 0, 0), 16, AddressKind::link_local},      {v4(192, 0, 0, 0), 24, AddressKind::reserved},
    {v4(192, 0, 2, 0), 24, AddressKind::reserved},          {v4(192, 88, 99, 0), 24, AddressKind::reserved},
    {v4(198, 18, 0, 0), 15, AddressKind::reserved},         {v4(198, 51, 100, 0), 24, AddressKind::reserved},
    {v4(203, 0, 113, 0), 24, AddressKind::reserved},        {v4(224, 0, 0, 0), 4, AddressKind::multicast},
    {v4(240, 0, 0, 0), 4, AddressKind::reserved},
};

AddressKind classify4(V4 address) {
    for (const Block4& block : kBlocks4) {
        if ((address ^ block.prefix) >> (32 - block.bits) == 0) return block.kind;
    }
    return AddressKind::global;
}

struct Block6 {
    std::string_view prefix;
    int bits;
    AddressKind kind;
};

constexpr Block6 kBlocks6[] = {
    {"fd00:ec2::254", 128, AddressKind::metadata},    // AWS
    {"fd00:ec2::23", 128, AddressKind::metadata},     // EKS pod identity
    {"fd20:ce::254", 128, AddressKind::metadata},     // Google
    {"fd00:42::42", 128, AddressKind::metadata},      // Scaleway
    {"fe80::a9fe:a9fe", 128, AddressKind::metadata},  // OpenStack
    {"::", 128, AddressKind::unspecified},
    {"::1", 128, AddressKind::loopback},
    {"fe80::", 10, AddressKind::link_local},
    {"fec0::", 10, AddressKind::private_network},  // site-local, withdrawn
    {"fc00::", 7, AddressKind::private_network},
    {"64:ff9b:1::", 48, AddressKind::private_network},  // NAT64 of the local network
    {"ff00::", 8, AddressKind::multicast},
    {"2001::", 23, AddressKind::reserved},  // Teredo, ORCHID, benchmarking
    {"2001:db8::", 32, AddressKind::reserved},
    {"3fff::", 20, AddressKind::reserved},
};

bool in_block(const V6& address, std::string_view prefix, int bits) {
    V6 wanted;
    ::inet_pton(AF_INET6, std::string(prefix).c_str(), wanted.data());
    for (int i = 0; bits > 0; ++i, bits -= 8) {
        const int shift = bits >= 8 ? 0 : 8 - bits;
        if ((address[std::size_t(i)] ^ wanted[std::size_t(i)]) >> shift != 0) return false;
    }
    return true;
}

V4 embedded(const V6& address, std::size_t at) {
    return v4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

AddressKind classify6(const V6& address) {
    for (const Block6& block : kBlocks6) {
        if (in_block(address, block.prefix, block.bits)) return block.kind;
    }
    // Forms that carry an IPv4 address mean that address.
    for (const std::string_view prefix : {"::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "::"}) {
        if (in_block(address, prefix, 96)) return classify4(embedded(address, 12));
    }
    if (in_block(address, "2002::", 16)) return classify4(embedded(address, 2));  // 6to4
    return in_block(address, "2000::", 3) ? AddressKind::global : AddressKind::reserved;
}

std::string_view name_of(AddressKind kind) {
    switch (kind) {
        case AddressKind::global: return "a public address";
        case AddressKind::loopback: return "a loopback address";
        case AddressKind::private_network: return "an address of a private network";
        case AddressKind::link_local: return "a link-local address";
        case AddressKind::metadata: return "a cloud's metadata service";
        case AddressKind::unspecified: return "an unspecified address";
        case AddressKind::multicast: return "a multicast address";
        case AddressKind::reserved: return "a reserved address";
    }
    return "an unknown address";
}

std::string_view without_zone(std::string_view ip) { return ip.substr(0, ip.find('%')); }

// One spelling for one host: lower case, no brackets, no last dot, addresses as inet_ntop writes them.
std::string normal_host(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.ends_with('.')) host.remove_suffix(1);
    std::string lower = to_lower(host);
    V6 bytes;
    char text[INET6_ADDRSTRLEN];
    const bool whole = lower.find('\0') == std::string::npos;
    if (whole && ::inet_pton(AF_INET6, lower.c_str(), bytes.data()) == 1)
        return ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
    return lower;
}

bool is_named(const EgressPolicy& policy, std::string_view host) {
    const std::string wanted = normal_host(host);
    return std::ranges::any_of(policy.allow_hosts,
                               [&](const std::string& allowed) { return normal_host(allowed) == wanted; });
}

bool is_allowed(const EgressPolicy& policy, std::string_view host, AddressKind kind) {
    switch (kind) {
        case AddressKind::global: return true;
        case AddressKind::loopback:
        case AddressKind::private_network: return policy.allow_private || is_named(policy, host);
        case AddressKind::link_local:
        case AddressKind::unspecified:
        case AddressKind::reserved: return is_named(policy, host);
        case AddressKind::metadata: return policy.allow_metadata && (policy.allow_private || is_named(policy, host));
        case AddressKind::multicast: return false;  // no stream connection goes there
    }
    return false;
}

}  // namespace

Result<AddressKind> classify_address(std::string_view ip) {
    const std::string text(without_zone(ip));
    const bool whole = ip.find('\0') == std::string_view::npos;  // inet_pton stops there
    in_addr four;
    if (whole && ::inet_pton(AF_INET, text.c_str(), &four) == 1) return classify4(ntohl(four.s_addr));
    V6 six;
    if (whole && ::inet_pton(AF_INET6, text.c_str(), six.data()) == 1) return classify6(six);
    return PINCER_FAIL(invalid_argument, "not an IP address: {}", strip_control(truncate_utf8(ip, 60)));
}

EgressPolicy EgressPolicy::named(std::string host) {
    EgressPolicy policy;
    policy.allow_hosts.push_back(std::move(host));
    return policy;
}

Result<> check_egress(const EgressPolicy& policy, std::string_view host, std::string_view ip) {
    PINCER_TRY(const AddressKind kind, classify_address(ip));
    if (is_allowed(policy, host, kind)) return {};
    return Failure(
        Error(ErrorCode::refused, fmt::format("{} is {}, {}; only hosts that the configuration names may be there",
                                              host, ip, name_of(kind)))
            .with_reason("EGRESS_REFUSED"));
}

}  // namespace pincer::io
