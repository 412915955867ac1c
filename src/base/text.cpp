#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace pincer {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `text` (Unicode 15 table 3-7), 0 when it is ill-formed.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? std::uint8_t(text[i]) : std::uint8_t{0}; };
    const auto tail = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
        return byte(i) >= low && byte(i) <= high;
    };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
    if (first == 0xE0) return tail(1, 0xA0) && tail(2) ? 3 : 0;
    if (first == 0xED) return tail(1, 0x80, 0x9F) && tail(2) ? 3 : 0;
    if (first >= 0xE1 && first <= 0xEF) return tail(1) && tail(2) ? 3 : 0;
    if (first == 0xF0) return tail(1, 0x90) && tail(2) && tail(3) ? 4 : 0;
    if (first >= 0xF1 && first <= 0xF3) return tail(1) && tail(2) && tail(3) ? 4 : 0;
    if (first == 0xF4) return tail(1, 0x80, 0x8F) && tail(2) && tail(3) ? 4 : 0;
    return 0;
}

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode_base64(std::string_view bytes, std::string_view alphabet, bool pad) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? std::uint8_t(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k) {
            if (k <= have)
                out += alphabet[group >> (18 - 6 * k) & 63];
            else if (pad)
                out += '=';
        }
    }
    return out;
}

int sextet(char c) {
    if (c == '-') return 62;
    if (c == '_') return 63;
    const auto at = kStandard.find(c);
    return at == std::string_view::npos ? -1 : int(at);
}

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string_view trim(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n\f\v";
    const auto first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i) out += separator;
        out += parts[i];
    }
    return out;
}

std::string to_lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    return out;
}

bool iequals(std::string_view a, std::string_view b) { return a.size() == b.size() && to_lower(a) == to_lower(b); }

bool is_valid_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string sanitize_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        out += length ? text.substr(0, length) : std::string_view("\xEF\xBF\xBD");
        text.remove_prefix(length ? length : 1);
    }
    return out;
}

std::string truncate_utf8(std::string_view text, std::size_t bytes) {
    constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
    if (text.size() <= bytes) return std::string(text);
    if (bytes < kEllipsis.size()) return {};
    std::size_t cut = bytes - kEllipsis.size();
    while (cut > 0 && (std::uint8_t(text[cut]) & 0xC0) == 0x80) --cut;
    return std::string(text.substr(0, cut)).append(kEllipsis);
}

std::size_t utf8_length(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) {
        text.remove_prefix(std::max<std::size_t>(1, sequence_length(text)));
        ++count;
    }
    return count;
}

std::string strip_control(std::string_view text) {
    std::string clean = sanitize_utf8(text);
    std::erase_if(clean, [](char c) { return (std::uint8_t(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F; });
    return clean;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (std::string_view candidate : candidates) {
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 0; i < word.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i + 1);
            for (std::size_t j = 0; j < candidate.size(); ++j) {
                const std::size_t replaced = diagonal + (word[i] == candidate[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (std::uint8_t byte : bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

std::string to_base64(std::string_view bytes) { return encode_base64(bytes, kStandard, true); }
std::string to_base64url(std::string_view bytes) { return encode_base64(bytes, kUrl, false); }

Result<std::string> from_base64(std::string_view text) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t group = 0;
    int bits = 0;
    for (char c : text) {
        const int value = sextet(c);
        if (value < 0) return PINCER_FAIL(invalid_argument, "not base64");
        group = group << 6 | std::uint32_t(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += char(group >> bits & 0xFF);
        }
    }
    if (bits >= 6 || (group & ((1u << bits) - 1)) != 0) return PINCER_FAIL(invalid_argument, "not base64");
    return out;
}

Result<std::string> from_hex(std::string_view text) {
    if (text.size() % 2) return PINCER_FAIL(invalid_argument, "not hexadecimal");
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = nibble(text[i]), low = nibble(text[i + 1]);
        if (high < 0 || low < 0) return PINCER_FAIL(invalid_argument, "not hexadecimal");
        out += char(high << 4 | low);
    }
    return out;
}

}  // namespace pincer
