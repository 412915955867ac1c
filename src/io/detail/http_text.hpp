// Small pieces of HTTP/1.1 as text, sans-IO: what is checked in a request line, and how heads are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/detail/http_parser.hpp"

namespace pincer::io::detail {

struct RequestTarget {
    std::string path;   // percent-decoded
    std::string query;  // as sent, without '?'
};

// Origin form, or absolute form of which the authority is ignored (RFC 9112 §3.2). Refused, since a router and a file
// system may read them differently: "." and ".." segments (also encoded), NUL, backslash, ill-formed UTF-8, broken
// escapes.
Result<RequestTarget> split_target(std::string_view target);

// Exactly one well-formed Host field (RFC 9112 §3.2); HTTP/1.0 may go without.
Result<> check_host(const MessageHead& head);

std::string_view reason_phrase(int status);
bool is_token(std::string_view text);  // RFC 9110 §5.6.2: methods and field names

// How the end of a body is told.
enum class Framing { length, chunked, until_close, none };

// "HTTP/1.1 200 OK" and the fields up to the blank line. Content-Length, Transfer-Encoding and Connection are written
// by us whatever `headers` says; a field with a line break in it is left out.
std::string write_response_head(int status, const Headers& headers, Framing framing, std::size_t length,
                                bool keep_alive);
// The same for a request, with Host; Content-Length as `framing` and `length` say.
std::string write_request_head(std::string_view method, const Url& url, const Headers& headers,
                               std::string_view user_agent, Framing framing, std::size_t length);

}  // namespace pincer::io::detail
