// "${NAME}" in the strings of a configuration stands for the environment variable of that name, as OpenClaw has it:
// names are upper case ([A-Z_][A-Z0-9_]*), "$${NAME}" is the text "${NAME}", anything else with a dollar is itself.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace pincer {

using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;

inline constexpr std::size_t kMaxExpandedBytes = 64u << 10;  // of one string

// Replaces references in place; keys stay as they are. Errors: invalid_argument, "mcp.servers.docs.env.TOKEN: the
// environment variable DOCS_TOKEN is not set" (unset and empty are the same); too_large.
Result<> expand_references(json::value& value, const EnvironmentLookup& environment);

}  // namespace pincer
