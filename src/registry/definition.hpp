// One outbound MCP server as the operator wrote it under mcp.servers.<name> in openclaw.json: OpenClaw's keys, and
// `trust` and `maxMemoryMb` of our own. Differences from the original on purpose: unknown keys are refused with the
// nearest known one, what is secret is printed as such, and a `url` without `transport` is probed rather than taken for
// HTTP+SSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"

namespace pincer::registry {

enum class Transport { stdio, streamable_http, sse, probe };
std::string_view name_of(Transport transport);

// Whether the server's hints (readOnlyHint, destructiveHint) are believed. A server describes itself, so a stranger's
// word is worth nothing: by default every one of its tools needs an approval. `"trust": "annotations"` is the operator
// saying that the definitions of this server were looked at.
enum class Trust { none, annotations };

struct ToolFilter {
    std::vector<std::string> include;  // names or patterns with '*'; empty: all
    std::vector<std::string> exclude;  // wins over include

    bool admits(std::string_view tool) const;
};

struct ServerDefinition {
    std::string name;  // 1..64 of A-Z a-z 0-9 _ - without "__" and not ending in "_": "__" separates server and tool
    bool enabled = true;
    Transport transport = Transport::stdio;

    std::string command;  // stdio
    std::vector<std::string> args;
    std::vector<std::pair<std::string, Secret>> env;
    std::string working_directory;

    Secret url;  // its user part and query may hold secrets; display_url() is for people
    std::vector<std::pair<std::string, Secret>> headers;

    // stdio: what the child may have of private writable memory (maxMemoryMb); 0: no limit; nothing said: the default.
    std::optional<std::size_t> max_memory_bytes;

    Millis connection_timeout{30'000};
    Millis request_timeout{60'000};
    bool supports_parallel_tool_calls = false;  // a word to whoever schedules calls; nothing here depends on it
    ToolFilter tool_filter;
    Trust trust = Trust::none;

    std::vector<std::string> unsupported;  // keys that are right but not acted on yet (auth, oauth, sslVerify, ...)

    std::string display_url() const;  // "https://***:***@mcp.example.com/mcp?token=***"
    std::string launch() const;       // what status shows: command and arguments, or the URL redacted
    friend bool same_connection(const ServerDefinition& a, const ServerDefinition& b);  // false: it must be restarted
};

// Errors: invalid_argument naming the key: `mcp.servers.docs: Unrecognized key: "timeout" (did you mean ...?)`.
Result<ServerDefinition> parse_definition(std::string_view name, const json::object& definition);

// Every definition of `mcp.servers`. One that is wrong does not take the others with it.
struct Definitions {
    std::vector<ServerDefinition> servers;  // in the order of the file
    struct Problem {
        std::string server;
        Error error;
    };
    std::vector<Problem> problems;
};
Definitions parse_definitions(const json::object& servers);

// For show and list --json: the operator's own object, with env values, headers, secret arguments and the secret parts
// of the URL replaced. Works on definitions that do not parse, too.
json::object definition_to_json_redacted(const json::object& definition);
std::string redact_url(std::string_view url);
// "--token abc" -> "--token ***"; "--api-key=abc" -> "--api-key=***"; what looks like a key of a known kind, too.
std::vector<std::string> redact_arguments(const std::vector<std::string>& args);

}  // namespace pincer::registry
