#include "mcp/schema/detail/pattern.hpp"

#include <re2/re2.h>

namespace pincer::mcp::schema {
namespace {

constexpr std::size_t kMaxPatternBytes = 4096;
constexpr std::int64_t kMaxProgramBytes = 1 << 20;
// ECMA's \s is wider than RE2's: every Unicode space, the byte order mark and the line separators.
constexpr std::string_view kSpaceSet = R"(\t\n\v\f\r \x{a0}\x{feff}\x{2028}\x{2029}\p{Zs})";

bool is_hex(std::string_view digits) {
    return digits.size() == 4 && digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

unsigned hex_value(std::string_view digits) { return unsigned(std::stoul(std::string(digits), nullptr, 16)); }

// At "\uXXXX", or at a surrogate pair of two of them: the code point and how many characters it took; 0: neither.
std::pair<unsigned, std::size_t> unicode_escape(std::string_view rest) {
    if (!rest.starts_with("\\u") || !is_hex(rest.substr(2, 4))) return {0, 0};
    const unsigned first = hex_value(rest.substr(2, 4));
    if (first < 0xd800 || first > 0xdbff || rest.substr(6, 2) != "\\u" || !is_hex(rest.substr(8, 4))) return {first, 6};
    const unsigned second = hex_value(rest.substr(8, 4));
    if (second < 0xdc00 || second > 0xdfff) return {first, 6};
    return {0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12};
}

}  // namespace

std::string to_re2_dialect(std::string_view ecma) {
    std::string out;
    bool in_class = false;
    for (std::size_t i = 0; i < ecma.size(); ++i) {
        const char c = ecma[i];
        if (c != '\\' || i + 1 == ecma.size()) {
            if (c == '[' && in_class) out += '\\';  // RE2 would look for [:alpha:] here
            in_class = c == '[' ? true : c == ']' ? false : in_class;
            out += c;
            continue;
        }
        const char escaped = ecma[i + 1];
        if (const auto [point, length] = unicode_escape(ecma.substr(i)); length > 0) {
            out += fmt::format("\\x{{{:x}}}", point);
            i += length - 1;
        } else if (escaped == 's') {
            out += in_class ? std::string(kSpaceSet) : fmt::format("[{}]", kSpaceSet);
            ++i;
        } else if (escaped == 'S' && !in_class) {
            out += fmt::format("[^{}]", kSpaceSet);
            ++i;
        } else if (escaped == 'c' && i + 2 < ecma.size()) {
            out += fmt::format("\\x{:02x}", unsigned(ecma[i + 2]) % 32);
            i += 2;
        } else {
            out += c;
            out += escaped;
            ++i;
        }
    }
    return out;
}

Result<Pattern> Pattern::compile(std::string_view source) {
    if (source.size() > kMaxPatternBytes)
        return PINCER_FAIL(too_large, "a pattern of {} bytes is over the limit", source.size());
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMaxProgramBytes);
    auto regex = std::make_shared<const RE2>(to_re2_dialect(source), options);
    if (!regex->ok())
        return PINCER_FAIL(invalid_argument, "pattern \"{}\" is not supported: {}", source, regex->error());
    return Pattern(std::string(source), std::move(regex));
}

bool Pattern::found_in(std::string_view text) const {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

}  // namespace pincer::mcp::schema
