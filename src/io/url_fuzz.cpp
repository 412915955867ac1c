// Any text as a URL, and as a reference against one: what we accept reads back as itself and cannot break a request
// line.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "io/http.hpp"

using namespace pincer::io;

static void check(const Url& url) {
    const auto again = parse_url(url.str());
    if (!again || again->str() != url.str() || again->host != url.host || again->port != url.port) std::abort();
    const auto clean = [](char c) { return c > ' ' && c < 0x7f; };
    if (!std::ranges::all_of(url.str(), clean) || !url.target.starts_with('/') || url.port == 0 || url.host.empty())
        std::abort();
    if (url.str().contains('@') && !url.target.contains('@')) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto url = parse_url(text)) check(*url);
    const auto base = parse_url("https://host.test:8443/a/b/c?query=1");
    if (const auto url = resolve_url(*base, text)) check(*url);
    const auto decoded = percent_decode(percent_encode(text));
    if (!decoded || *decoded != text) std::abort();
    const auto parameters = parse_query(text);
    const std::string made = make_query(parameters);
    if (parse_query(made.empty() ? made : made.substr(1)) != parameters) std::abort();
    return 0;
}
