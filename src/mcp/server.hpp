// What an MCP server is, apart from how it is reached: its tools, its words about itself, and whom to tell when
// something changes. One Server serves any number of connections, of both eras at once; the edges are stdio_server.hpp
// and http_endpoint.hpp, the protocol between them and this is server_session.hpp.
//
//     mcp::Server server({.implementation = {"clanker", "1.0"}, .instructions = "..."});
//     PINCER_CHECK(server.add_tool({.info = {...}, .now = [&](const ToolCall& call) { return answer(call); }}));
//     co_await mcp::serve_stdio(runtime, server, *stream);
//
// Lives on the io thread; outlives its sessions.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>

#include "io/runtime.hpp"
#include "jsonrpc/message.hpp"
#include "mcp/schema/validator.hpp"
#include "mcp/types.hpp"

namespace pincer::mcp {

// How a running call talks to its caller. What is said after the call has ended, or that nobody asked for, is dropped.
class CallChannel {
public:
    virtual ~CallChannel() = default;
    virtual void progress(const Progress& progress) = 0;
    virtual void log(std::string_view level, json::value data) = 0;  // notifications/message
};

struct ToolCall {
    std::string tool;
    json::object arguments;  // validated against the input schema
    json::object meta;       // the request's `_meta`, whole
    Principal principal;
    Implementation client;  // as it calls itself; for display only
    json::object client_capabilities;
    Era era = Era::legacy;
    std::shared_ptr<CallChannel> channel;  // shared with the session; never null

    void progress(const Progress& p) const { channel->progress(p); }
};

// An Error becomes a result with isError whose text is its message. A call that the client cancelled gets no answer.
using ToolHandler = std::function<Task<Result<ToolResult>>(ToolCall)>;  // its task is cancelled when the call is
using ImmediateToolHandler = std::function<Result<ToolResult>(const ToolCall&)>;  // must not block

struct Tool {
    ToolInfo info;
    ToolHandler run = nullptr;                       // exactly one of the two
    ImmediateToolHandler now = nullptr;              // answered at once, without a task: for what takes microseconds
    json::object required_client_capabilities = {};  // e.g. {"elicitation":{}}: a client without them gets -32021
};

// The sentence for arguments that do not fit: the bridge speaks as the original's library does (zod_wording.hpp).
using ArgumentWording = std::function<std::string(std::string_view tool, std::span<const schema::Violation>)>;
std::string plain_argument_wording(std::string_view tool, std::span<const schema::Violation> violations);

// A call of a tool that does not exist: the specification wants a protocol error, older libraries gave a tool result.
enum class UnknownTool { protocol_error, tool_result };

struct ServerOptions {
    Implementation implementation;
    std::string instructions = "";
    json::object experimental = {};  // capabilities.experimental
    json::object extensions = {};    // capabilities.extensions (modern)
    bool logging = false;            // declares `logging`: notifications/message may be sent
    bool tools_list_changed = true;  // declares tools.listChanged
    std::size_t page_size = 0;       // tools in one answer of tools/list; 0: all
    Millis list_ttl{0};              // how long a client may keep the list (modern)
    bool modern = true;              // serve 2026-07-28
    bool legacy = true;              // serve what came before it
    ArgumentWording argument_wording = plain_argument_wording;
    UnknownTool unknown_tool = UnknownTool::protocol_error;
    std::size_t max_calls_in_flight = 256;  // of one connection
};

// A notification on its way out to whoever should have it.
struct ServerNotification {
    std::string method;
    json::object params;
};

class Server {
public:
    explicit Server(ServerOptions options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Errors: already_exists; invalid_argument with the place in the schema that cannot be compiled.
    Result<> add_tool(Tool tool);
    bool remove_tool(std::string_view name);
    // Replaces all at once and tells the clients when that changed anything.
    Result<> set_tools(std::vector<Tool> tools);

    // Legacy: to every connection that has been initialized. Modern: to the subscriptions that asked for it (list
    // changes), or to nobody. Claude's channel notifications are of the first kind only.
    void notify(std::string method, json::object params);
    void tools_changed();  // notifications/tools/list_changed, if declared

    // A notification from a client that the protocol itself does not know, e.g. notifications/claude/channel/...
    using NotificationHandler = std::function<void(const json::object& params)>;
    void on_notification(std::string method, NotificationHandler handler);

    // --- for the sessions and edges
    struct CompiledTool {
        Tool tool;
        schema::Validator input;
        std::optional<schema::Validator> output;
    };
    const ServerOptions& options() const { return options_; }
    std::shared_ptr<const CompiledTool> find_tool(std::string_view name) const;  // shared: a call may outlive its tool
    json::object capabilities(Era era) const;
    // The "tools" array from position `from` as JSON text, and where the next page starts (0: none). In order of
    // adding.
    struct Page {
        std::string tools_text;
        std::size_t next = 0;
    };
    Page page(std::size_t from) const;
    void dispatch_notification(std::string_view method, const json::object& params) const;

    class Listener {
    public:
        virtual ~Listener() = default;
        virtual void on_notify(const ServerNotification& notification) = 0;
    };
    void attach(Listener& listener);
    void detach(Listener& listener);

private:
    static Result<std::shared_ptr<const CompiledTool>> compile(Tool tool);

    ServerOptions options_;
    std::vector<std::shared_ptr<const CompiledTool>> tools_;  // the order of the list
    std::unordered_map<std::string, std::shared_ptr<const CompiledTool>> by_name_;
    std::map<std::string, NotificationHandler, std::less<>> notifications_;
    std::vector<Listener*> listeners_;
    mutable std::string all_text_;  // the whole list, written once; empty: not yet
};

}  // namespace pincer::mcp
