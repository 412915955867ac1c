#include "infra/engine/quoting.hpp"

#include "base/text.hpp"

namespace pincer::infra {

std::string quote_line(std::string_view foreign, std::size_t max_bytes) {
    // Far more than is kept is not even looked at.
    std::string clean = strip_control(sanitize_utf8(foreign.substr(0, max_bytes * 4)));
    for (char& c : clean) {
        if (c == '\n' || c == '\t') c = ' ';
    }
    return truncate_utf8(trim(clean), max_bytes);
}

std::string in_quotes(std::string_view foreign, std::size_t max_bytes) {
    std::string text = quote_line(foreign, max_bytes);
    for (const std::string_view mark : {"\u201c", "\u201d"}) {
        for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) text.replace(at, mark.size(), "\"");
    }
    return "\u201c" + text + "\u201d";
}

}  // namespace pincer::infra
