// Any text: read or refused; what was read can be edited, and reads back as what was meant.
#include <cstdint>
#include <cstdlib>

#include "base/json5.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer;
    const auto document = json5::Document::parse(std::string(reinterpret_cast<const char*>(data), size));
    if (!document || !document->root().is_object()) return 0;
    const json5::Path added = {"added", "deeper"};
    if (const auto edited = document->with(added, json::value(1));
        !edited && edited.error().code() == ErrorCode::internal)
        std::abort();
    for (const auto& [key, value] : document->root().get_object()) {
        const json5::Path path = {std::string(key)};
        if (const auto edited = document->with(path, json::object{{"x", 1}}); !edited) std::abort();
        if (const auto edited = document->without(path); !edited) std::abort();
    }
    return 0;
}
