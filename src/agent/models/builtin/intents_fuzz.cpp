#include <cstdint>

#include "agent/models/builtin/intents.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    (void)pincer::agent::builtin::classify(message);
    return 0;
}
