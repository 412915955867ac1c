#include "io/http.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::io {

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& [key, value] : fields_) {
        if (iequals(key, name)) return value;
    }
    return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : fields_) {
        if (iequals(key, name)) values.push_back(value);
    }
    return values;
}

void Headers::set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
}

void Headers::add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

void Headers::remove(std::string_view name) {
    std::erase_if(fields_, [&](const auto& field) { return iequals(field.first, name); });
}

namespace {

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The byte that an escape at `at` stands for, or -1.
int escaped_byte(std::string_view text, std::size_t at) {
    if (at + 2 >= text.size() || text[at] != '%') return -1;
    const int high = hex_value(text[at + 1]);
    const int low = hex_value(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

std::string percent_encode(std::string_view text) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c)) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return out;
}

Result<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int byte = escaped_byte(text, i);
        if (byte < 0) return PINCER_FAIL(invalid_argument, "a broken percent escape at byte {}", i);
        out += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

std::string make_query(const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::string out;
    for (const auto& [key, value] : parameters) {
        out += out.empty() ? '?' : '&';
        out.append(percent_encode(key)).append("=").append(percent_encode(value));
    }
    return out;
}

static std::string decode_form(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int byte = escaped_byte(text, i);
        if (byte >= 0) {
            out += static_cast<char>(byte);
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
    if (query.starts_with('?')) query.remove_prefix(1);
    std::vector<std::pair<std::string, std::string>> out;
    for (const std::string_view part : split(query, '&')) {
        if (part.empty()) continue;
        const std::size_t equals = part.find('=');
        const std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        out.emplace_back(decode_form(part.substr(0, equals)), decode_form(value));
    }
    return out;
}

}  // namespace pincer::io
