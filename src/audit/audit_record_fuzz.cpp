// The verifier reads files that an attacker may have written. What parses is written back as it was read, byte for
// byte.
#include "audit/detail/record.hpp"
#include "base/assert.hpp"

using namespace pincer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const Secret key(std::string(32, 'k'));
    if (const auto line = audit::detail::Line::parse(text)) {
        PINCER_ASSERT(line->str() == text, "a record has one spelling");
        PINCER_ASSERT(line->computed_mac(key).size() == 64, "a mac is 32 bytes");
    }
    if (const auto checkpoint = audit::Checkpoint::parse(text))
        PINCER_ASSERT(checkpoint->str() == text, "a checkpoint has one spelling");
    if (const auto head = audit::detail::Head::parse_slot(text, key))
        PINCER_ASSERT(head->slot(key) == text, "a head has one spelling");
    if (const auto ref = audit::RecordRef::parse(text))
        PINCER_ASSERT(ref->str() == text, "a reference has one spelling");
    return 0;
}
