// A grant comes from another process: anything may be in it. What parses is exactly what we would have written.
#include "approval/detail/grant_codec.hpp"
#include "base/assert.hpp"
#include "base/text.hpp"

using namespace pincer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // Either the wire form itself, or a payload that is wrapped here so that the fuzzer gets past base64.
    for (const std::string& wire : {std::string(text), approval::detail::wire_of(text, std::string(64, 's'))}) {
        const auto parsed = approval::detail::parse_wire(wire);
        if (!parsed) continue;
        PINCER_ASSERT(approval::detail::wire_of(approval::detail::payload_of(parsed->grant), parsed->signature) == wire,
                      "a grant has one wire form");
        const std::vector<approval::PinnedAuthority> pins{
            {.name = "x", .public_key = to_base64url(std::string(32, 'k')), .ceiling = approval::Risk::high}};
        const auto verified =
            approval::verify_grant(wire, pins, parsed->grant.plan_digest, approval::Risk::read, "", WallTime{});
        PINCER_ASSERT(!verified, "nothing here was signed");
    }
    return 0;
}
