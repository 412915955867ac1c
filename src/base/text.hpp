// Small things done to text, each in one place.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pincer {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);  // "a,,b" gives three
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower(std::string_view text);  // ASCII only: identifiers, header names
bool iequals(std::string_view a, std::string_view b);

bool is_valid_utf8(std::string_view text);
// Every ill-formed sequence becomes U+FFFD.
std::string sanitize_utf8(std::string_view text);
// At most `bytes` bytes, never cut inside a character; "…" is appended (and counted) when something was dropped.
std::string truncate_utf8(std::string_view text, std::size_t bytes);
// Number of code points; ill-formed bytes count one each.
std::size_t utf8_length(std::string_view text);
// U+FFFD-safe removal of control characters except \n and \t: what came from outside, before it goes to a terminal.
std::string strip_control(std::string_view text);

// The candidate nearest to `word` by edit distance, if it is near enough to be a typing mistake ("did you mean").
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

std::string to_hex(std::span<const std::uint8_t> bytes);
std::string to_base64(std::string_view bytes);
std::string to_base64url(std::string_view bytes);  // without padding, RFC 4648 §5
// Standard or URL alphabet, padded or not; anything else is invalid_argument.
Result<std::string> from_base64(std::string_view text);
Result<std::string> from_hex(std::string_view text);

inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace pincer
