// The outbound MCP servers: started when first needed, one shared connection each, restarted with growing pauses,
// stopped when idle. Their tools are known as "<server>__<tool>".
//
// Life of a call: name -> server and tool -> the filter admits it -> connection (started if need be) -> tools/call with
// the caller's `_meta` -> result. A call that was sent is never sent again by us.
#pragma once

#include <functional>
#include <memory>

#include "crypto/random.hpp"
#include "io/runtime.hpp"
#include "mcp/client.hpp"
#include "registry/definition.hpp"

namespace pincer::registry {

struct ToolInfo {
    std::string name;  // "<server>__<tool>"
    std::string server;
    std::string tool;  // as the server calls it
    std::string title;
    std::string description;
    json::object input_schema;
    // True only when the server says so and its definition has trust: annotations. What is not read_only needs an
    // approval. `destructive` errs the other way: it is believed of anybody, and true unless a believed hint denies it.
    bool read_only = false;
    bool destructive = true;
    std::string settled_by;  // full name of the read-only tool that tells how a cut-off call ended; from the tool's
                             // _meta["io.pincer/settledBy"]; "" when there is none or it is not read_only
};

enum class Health { idle, starting, ready, backing_off, disabled, failed };
std::string_view name_of(Health health);

struct ServerStatus {
    std::string name;
    bool enabled = true;
    Transport transport = Transport::stdio;
    std::string launch;  // redacted
    Health health = Health::idle;
    std::string last_error;            // ours; "" after a success
    std::size_t tools = 0;             // known, after the filter
    std::size_t restarts = 0;          // in a row without a success between them
    std::optional<WallTime> retry_at;  // while backing off
    int pid = 0;                       // stdio, while it runs
    std::string protocol_version;
    mcp::Implementation implementation;
};

struct CallOptions {
    Deadline deadline = Deadline::never();
    json::object meta = {};  // e.g. "io.pincer/grant", "io.pincer/context": goes to the server as `_meta`
    std::function<void(const mcp::Progress&)> on_progress = nullptr;
};

// One live connection; made by a Connector, so that tests need no processes.
class Connection {
public:
    virtual ~Connection() = default;
    virtual mcp::Client& client() = 0;
    virtual int pid() const { return 0; }
    virtual Task<> shut_down() = 0;  // closes and, for stdio, tears the process group down; awaited before dropping
};

class Connector {
public:
    virtual ~Connector() = default;
    // `definition` and `options` are copied where they are kept.
    virtual Task<Result<std::unique_ptr<Connection>>> connect(ServerDefinition definition,
                                                              mcp::ClientOptions options) = 0;
};

// Processes and sockets. `path_list` is where bare command names are looked up; the child gets a PATH of the same and
// HOME, USER, LANG, TERM, TMPDIR from `base_environment` and nothing else but its definition's env. Dialling is limited
// to the host that the URL names.
struct ConnectorOptions {
    std::string path_list = "/usr/local/bin:/usr/bin:/bin";
    std::vector<std::pair<std::string, std::string>> base_environment;
    std::size_t max_stderr_line = 4096;  // of a child; logged at debug
    Millis shutdown_grace{2'000};
};
std::unique_ptr<Connector> make_connector(io::Runtime& runtime, ConnectorOptions options);
// NODE_OPTIONS, LD_*, DYLD_*, PYTHON* and their kin: what would let a definition run other code in the child.
bool is_forbidden_environment(std::string_view name);

struct RegistryOptions {
    mcp::Implementation implementation = {"openclaw", "0"};
    std::size_t max_servers = 256;
    std::size_t max_tools = 4'000;     // over all servers
    Millis session_idle{10 * 60'000};  // OpenClaw's mcp.sessionIdleTtlMs; 0: never stopped
    Millis backoff_first{500};
    Millis backoff_most{60'000};
    std::function<void()> on_tools_changed = nullptr;  // called on the io thread, after the new list is in place
};

// Lives on the io thread. stop() before it is dropped.
class Registry {
public:
    Registry(io::Runtime& runtime, Connector& connector, const Clock& clock, crypto::Random& random,
             RegistryOptions options);
    ~Registry();

    // Servers whose definition changed are restarted, others keep their connection; those that are gone are stopped.
    Task<Result<>> reload(std::vector<ServerDefinition> definitions);
    // Connects every enabled server that is not known yet, all at once, and waits for their lists until the deadline. A
    // server that fails is in status() and takes nobody with it.
    Task<> load_tools(Deadline deadline);

    // What is known now, in the order of the definitions; no waiting.
    std::vector<ToolInfo> tools() const;
    std::optional<ToolInfo> tool(std::string_view name) const;

    // Errors: not_found (no such server or tool), forbidden (the filter), unavailable (cannot be started: the last
    // error and when it is tried next), and those of mcp::Client::call_tool. Whether the call is *allowed* was decided
    // before.
    Task<Result<mcp::ToolResult>> call(std::string name, json::object arguments, CallOptions options);

    // Waits until the tool's server is up and lists it; a server that is down is tried again after each of its pauses.
    // Errors: unavailable naming the server (disabled, or the deadline passed), not_found (no such server or tool; a
    // filter that does not admit it). Nothing was sent to the tool.
    Task<Result<>> reach(std::string name, Deadline deadline);

    std::vector<ServerStatus> status() const;
    // Connects one server now, whatever its pause, and lists its tools: `openclaw mcp probe`.
    Task<Result<std::vector<ToolInfo>>> probe(std::string server, Deadline deadline);
    Task<> stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pincer::registry
