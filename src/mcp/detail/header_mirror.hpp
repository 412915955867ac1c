// The modern revision repeats parts of a request in HTTP headers, so that proxies can route without reading bodies
// (2026-07-28, Streamable HTTP, "Request Metadata"). The client writes them, the server compares them.
#pragma once

#include <span>

#include "io/http.hpp"
#include "jsonrpc/message.hpp"
#include "mcp/types.hpp"

namespace pincer::mcp {

// Plain where that is safe, else =?base64?...?= of the UTF-8 bytes.
std::string encode_header_value(std::string_view text);
// Error: invalid_argument for a sentinel that does not decode and for characters that may not stand in a header.
Result<std::string> decode_header_value(std::string_view value);

// A property of a tool's input that is mirrored as Mcp-Param-<name>.
struct MirroredParam {
    std::string name;
    std::vector<std::string> path;  // of "properties" keys
};
// Every x-mcp-header in an input schema. Error: invalid_argument when one breaks the rules; such a tool must not be
// used over HTTP.
Result<std::vector<MirroredParam>> mirrored_params(const json::object& input_schema);

// Mcp-Method, Mcp-Name and Mcp-Param-* of a request.
void add_mirror_headers(io::Headers& headers, std::string_view method, const json::object& params,
                        std::span<const MirroredParam> mirrored);
// What is wrong with them, as the message of a HeaderMismatch error; nothing when they fit.
std::optional<std::string> mirror_mismatch(const io::Headers& headers, const jsonrpc::Request& request,
                                           std::span<const MirroredParam> mirrored);

}  // namespace pincer::mcp
