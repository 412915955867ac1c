// A grant's wire form, parsed but not yet believed. Private to approval.
#pragma once

#include "approval/approval.hpp"

namespace pincer::approval::detail {

struct UnverifiedGrant {
    Grant grant;
    std::string signed_bytes;
    std::string signature;
};

std::string payload_of(const Grant& grant);  // canonical JSON
std::string signed_bytes_of(std::string_view payload);
std::string wire_of(std::string_view payload, std::string_view signature);
// Exactly what wire_of() writes and nothing else, so that one grant has one wire form. Error: invalid_argument,
// reason GRANT_MALFORMED.
Result<UnverifiedGrant> parse_wire(std::string_view wire);

}  // namespace pincer::approval::detail
