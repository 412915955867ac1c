// Any bytes as requests to our server: the same messages however the bytes are cut, nothing beyond the limits, and no
// message whose length two parsers could read differently.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "io/detail/http_parser.hpp"
#include "io/detail/http_text.hpp"

using namespace pincer;
using namespace pincer::io;
using detail::HttpParser;

static constexpr std::size_t kMaxHead = 1024;  // as Beast counts it
static constexpr std::size_t kMaxBody = 256;

static void check_head(const detail::MessageHead& head) {
    if (!detail::is_token(head.method) || head.target.empty()) std::abort();
    for (const auto& [name, value] : head.headers) {
        if (!detail::is_token(name) || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
            std::abort();
    }
    if (head.chunked && head.content_length) std::abort();  // RFC 9112 §6.1: how requests are smuggled
    if (head.headers.get_all("content-length").size() > 1) std::abort();
    (void)detail::check_host(head);
    if (const auto target = detail::split_target(head.target)) {
        for (const std::string_view segment : split(target->path, '/')) {
            if (segment == "." || segment == "..") std::abort();
        }
        if (target->path.find_first_of(std::string_view("\\\0", 2)) != std::string::npos ||
            !target->path.starts_with('/'))
            std::abort();
    }
}

// The messages as text, up to the first that is refused or not whole. (Which of the two it is may depend on the cuts:
// a broken head that came in pieces is looked at once its end has come, or the limit is reached.)
static std::string read_messages(std::string_view bytes, std::size_t step) {
    std::string out;
    std::string buffer;
    HttpParser parser = HttpParser::for_requests({kMaxHead, kMaxBody});
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        buffer += bytes.substr(at, step);
        for (;;) {
            const auto taken = parser.feed(buffer);
            if (!taken) return out;
            buffer.erase(0, *taken);
            if (!parser.done()) break;
            check_head(parser.head());
            if (parser.body().size() > kMaxBody) std::abort();
            out += parser.head().method + " " + parser.head().target + "\n" + parser.body() + "\n";
            parser = HttpParser::for_requests({kMaxHead, kMaxBody});
            if (buffer.empty()) break;
        }
    }
    return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t step = data[0] % 13 + 1;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::string at_once = read_messages(bytes, bytes.size() + 1);
    const std::string in_pieces = read_messages(bytes, step);
    // At the limit itself the cuts decide a few bytes earlier or later.
    if (bytes.size() < kMaxHead && at_once != in_pieces) std::abort();
    return 0;
}
