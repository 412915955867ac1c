#include "infra/engine/quoting.hpp"

#include "base/sensitive_text.hpp"
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

std::string quote_log_line(std::string_view foreign) {
    // Masked while it is whole: half a token does not look like one.
    return quote_line(mask_secrets(foreign.substr(0, kLogLineBytes * 4)), kLogLineBytes);
}

std::string in_quotes(std::string_view foreign, std::size_t max_bytes) {
    std::string text = quote_line(mask_secrets(foreign.substr(0, max_bytes * 4)), max_bytes);
    for (const std::string_view mark : {"\u201c", "\u201d"}) {
        for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) text.replace(at, mark.size(), "\"");
    }
    return "\u201c" + text + "\u201d";
}

}  // namespace pincer::infra
