#include <cstdint>
#include <cstdlib>

#include "agent/egress.hpp"

// Any bytes, redacted, and redacted again; and a stream without placeholders comes out as it went in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer::agent;
    if (size > (64u << 10)) return 0;
    const ModelEgressPolicy policy;
    std::vector<Redaction> counts;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string once = redact(text, ToolResultEgress::redacted, policy, counts);
    (void)redact(once, ToolResultEgress::full, policy, counts);
    const Placeholders none;
    StreamRestorer restorer(none);
    if (restorer.feed(text) + restorer.finish() != text) std::abort();
    return 0;
}
