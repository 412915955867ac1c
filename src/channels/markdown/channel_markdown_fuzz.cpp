// Any bytes parse, render and split: parts stay within the limit and hold all the text.
#include <cstdlib>

#include "base/text.hpp"
#include "channels/markdown/render.hpp"

using namespace pincer::channels::markdown;

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

std::size_t visible(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += c != ' ' && c != '\n' && c != '\t';
    return count;
}

void check(const Document& document, std::size_t limit, const Cost& cost) {
    std::size_t together = 0;
    for (const auto& part : split(document, limit, cost)) {
        must(cost(part) <= limit);
        must(pincer::is_valid_utf8(render_telegram_html(part)));
        together += visible(text_of(part));
    }
    must(together >= visible(text_of(document)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto document = parse({reinterpret_cast<const char*>(data), size});
    check(document, 64 + size % 200, telegram_cost);
    check(document, 64 + size % 200, slack_cost);
    return 0;
}
