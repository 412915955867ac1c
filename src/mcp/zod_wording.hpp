// Speaks of wrong arguments as the TypeScript SDK does, whose texts the original's clients know:
// "MCP error -32602: Input validation error: Invalid arguments for tool X: Too small: expected number to be >=1 at
// limit".
#pragma once

#include "mcp/server.hpp"

namespace pincer::mcp {

std::string zod_argument_wording(std::string_view tool, std::span<const schema::Violation> violations);

}  // namespace pincer::mcp
