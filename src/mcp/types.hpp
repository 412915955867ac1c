// The words that server and client share: revisions, tools, results (MCP specification, 2024-11-05 to 2026-07-28).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace pincer::mcp {

// Legacy revisions open with `initialize` and keep a session; modern ones carry everything in each request.
enum class Era { legacy, modern };

inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr std::array<std::string_view, 4> kLegacyVersions = {"2025-11-25", "2025-06-18", "2025-03-26",
                                                                    "2024-11-05"};
inline constexpr std::string_view kNewestLegacyVersion = kLegacyVersions.front();
bool is_legacy_version(std::string_view version);

// Codes that MCP adds to JSON-RPC's own.
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingClientCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;

// Keys of `_meta` that the modern revision reserves.
namespace meta {
inline constexpr std::string_view kProtocolVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kClientCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kSubscriptionId = "io.modelcontextprotocol/subscriptionId";
}  // namespace meta

struct Implementation {
    std::string name;
    std::string version;
    std::string title = "";

    json::object to_json() const;
    static Implementation from_json(const json::object& o);  // what is missing stays empty
};

// Hints, never promises: a client believes them only of a server that its operator trusts.
struct ToolAnnotations {
    std::string title = "";
    std::optional<bool> read_only = std::nullopt;
    std::optional<bool> destructive = std::nullopt;
    std::optional<bool> idempotent = std::nullopt;
    std::optional<bool> open_world = std::nullopt;

    bool empty() const { return title.empty() && !read_only && !destructive && !idempotent && !open_world; }
    json::object to_json() const;
    static ToolAnnotations from_json(const json::object& o);
};

// A tool as it stands in tools/list. Empty parts are left out on the wire.
struct ToolInfo {
    std::string name;
    std::string title = "";
    std::string description = "";
    json::object input_schema = {};  // empty means {"type":"object"}
    json::object output_schema = {};
    ToolAnnotations annotations = {};
    json::object execution = {};  // e.g. {"taskSupport":"forbidden"}
    json::object meta = {};       // `_meta`

    json::object to_json() const;
    // Error: protocol, naming what is wrong ("tool 3 has no name").
    static Result<ToolInfo> from_json(const json::object& o);
};

// What tools/call gives back. `content` holds content blocks in their wire form.
struct ToolResult {
    json::array content = {};
    std::optional<json::value> structured = std::nullopt;  // an object, before 2026-07-28
    bool is_error = false;
    json::object meta = {};

    static ToolResult text(std::string text);
    static ToolResult error(std::string text);
    // structuredContent, and the same as JSON in a text block for clients that read only text.
    static ToolResult of(json::object structured);
    static ToolResult of(json::object structured, std::string text);

    std::string joined_text() const;  // all text blocks, separated by line feeds
    json::object to_json() const;
    // The wire form as text with fields of the answer beside it; a `_meta` there replaces ours. A result may be large,
    // so no second tree is built of it.
    std::string write(const json::object& beside = {}) const;
    static Result<ToolResult> from_json(const json::object& o);  // error: protocol
};

struct Progress {
    double done = 0;
    std::optional<double> total = std::nullopt;
    std::string message = "";
};

// Who calls. Over stdio it is the one who started the process: id "", no scopes.
struct Principal {
    std::string id = "";
    std::vector<std::string> scopes = {};

    bool has_scope(std::string_view scope) const;
};

}  // namespace pincer::mcp
