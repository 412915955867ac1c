// An MCP server on a stream of lines. Many requests run at once and are answered as they finish.
#pragma once

#include "io/stdio.hpp"
#include "mcp/server.hpp"

namespace pincer::mcp {

// Until the client closes its end; then what is running may finish within `grace`, and is cancelled after it.
// Errors: io. A line over the stream's limit is answered with an error and skipped.
Task<Result<>> serve_stdio(io::Runtime& runtime, Server& server, io::LineStream& stream, Millis grace = Millis(5000));

}  // namespace pincer::mcp
