// Any text as an address: the public policy lets only public ones through, and no spelling gets around it.
#include <arpa/inet.h>

#include <cstdint>
#include <cstdlib>

#include "io/egress.hpp"

using namespace pincer::io;

static AddressKind kind_of_v6(const std::uint8_t* bytes) {
    char text[INET6_ADDRSTRLEN];
    ::inet_ntop(AF_INET6, bytes, text, sizeof text);
    const auto kind = classify_address(text);
    if (!kind) std::abort();
    return *kind;
}

// The forms that carry an IPv4 address are as dangerous as the address.
static void check_embedded(const in_addr& four, AddressKind kind) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&four);
    std::uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::uint8_t nat64[16] = {0, 0x64, 0xff, 0x9b};
    std::uint8_t six_to_four[16] = {0x20, 0x02};
    std::copy(bytes, bytes + 4, mapped + 12);
    std::copy(bytes, bytes + 4, nat64 + 12);
    std::copy(bytes, bytes + 4, six_to_four + 2);
    if (kind_of_v6(mapped) != kind || kind_of_v6(nat64) != kind || kind_of_v6(six_to_four) != kind) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto kind = classify_address(text);
    const bool allowed = check_egress(EgressPolicy::public_only(), "host.test", text).has_value();
    if (allowed != (kind && *kind == AddressKind::global)) std::abort();
    const bool when_named = check_egress(EgressPolicy::named(text), text, text).has_value();
    if (when_named && (*kind == AddressKind::metadata || *kind == AddressKind::multicast)) std::abort();
    in_addr four{};
    if (kind && ::inet_pton(AF_INET, text.c_str(), &four) == 1) check_embedded(four, *kind);
    if (size == 4) {
        std::copy(data, data + 4, reinterpret_cast<std::uint8_t*>(&four));
        char dotted[INET_ADDRSTRLEN];
        ::inet_ntop(AF_INET, &four, dotted, sizeof dotted);
        check_embedded(four, *classify_address(dotted));
    }
    if (size == 16) (void)kind_of_v6(data);
    return 0;
}
