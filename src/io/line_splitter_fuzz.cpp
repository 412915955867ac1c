// Any bytes as lines: the lines are the same however the bytes are cut, none is over the limit, nothing is lost.
#include <cstdint>
#include <cstdlib>

#include "io/stdio.hpp"

using namespace pincer::io;

static constexpr std::size_t kLimit = 16;
static constexpr const char* kTooLarge = "(too large)";

static void take(LineSplitter& splitter, std::vector<std::string>& out) {
    while (auto line = splitter.next()) {
        if (*line && (line->value().size() > kLimit || line->value().contains('\n'))) std::abort();
        out.push_back(*line ? std::move(line->value()) : kTooLarge);
    }
}

static std::vector<std::string> split_in_steps(std::string_view bytes, std::size_t step) {
    LineSplitter splitter(kLimit);
    std::vector<std::string> out;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        splitter.feed(bytes.substr(at, step));
        take(splitter, out);
    }
    if (auto rest = splitter.finish()) out.push_back("rest: " + *rest);
    return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    if (split_in_steps(bytes, bytes.size() + 1) != split_in_steps(bytes, data[0] % 7 + 1)) std::abort();
    return 0;
}
