// The MCP tools of clanker. Names, inputs and hints are part of the interface: the Gateway's policy reads them.
#pragma once

#include "apps/clanker/wiring.hpp"
#include "mcp/server.hpp"

namespace pincer::clanker {

// Keys of `_meta` that go with these tools.
inline constexpr std::string_view kGrantMeta = "io.pincer/grant";  // the signed approval, on a call of clanker_apply
inline constexpr std::string_view kRequesterMeta = "io.pincer/requester";  // principal id as the caller's record has it
inline constexpr std::string_view kSettledByMeta =
    "io.pincer/settledBy";  // in a tool's definition: how an unknown outcome is settled

// `program` outlives the server.
Result<> add_tools(mcp::Server& server, Program& program);

}  // namespace pincer::clanker
