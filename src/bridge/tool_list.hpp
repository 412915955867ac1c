// The nine tools of `openclaw mcp serve`: names, descriptions and inputs as the original has them.
#pragma once

#include <vector>

#include "mcp/types.hpp"

namespace pincer::bridge {

std::vector<mcp::ToolInfo> tool_list();  // in the original's order

}  // namespace pincer::bridge
