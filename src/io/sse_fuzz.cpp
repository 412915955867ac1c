// Any bytes as an event stream: the events are the same however the bytes are cut, and what we format we read back.
#include <cstdint>
#include <cstdlib>

#include "io/sse.hpp"

using namespace pincer::io;

static bool same(const SseEvent& a, const SseEvent& b) {
    return a.type == b.type && a.data == b.data && a.id == b.id && a.retry_ms == b.retry_ms && a.has_data == b.has_data;
}

static void check_round_trip(const SseEvent& event) {
    SseParser parser;
    std::vector<SseEvent> out;
    if (!parser.feed(format_sse(event), out) || out.size() > 1) std::abort();
    if (event.has_data && (out.size() != 1 || !same(out.front(), event))) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t step = data[0] % 7 + 1;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    constexpr std::size_t kLimit = 512;
    SseParser whole(kLimit);
    SseParser cut(kLimit);
    std::vector<SseEvent> at_once;
    std::vector<SseEvent> in_pieces;
    const bool fine = whole.feed(bytes, at_once).has_value();
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        if (!cut.feed(bytes.substr(at, step), in_pieces)) break;
    }
    if (cut.feed("", in_pieces).has_value() != fine || at_once.size() != in_pieces.size()) std::abort();
    for (std::size_t i = 0; i < at_once.size(); ++i) {
        if (!same(at_once[i], in_pieces[i]) || at_once[i].data.size() > kLimit) std::abort();
        check_round_trip(at_once[i]);
    }
    return 0;
}
