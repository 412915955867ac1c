// `openclaw mcp serve`: a Gateway as an MCP server. The MCP side answers at once; tools wait until the Gateway is
// there. See README.md for the life of a call and of an event.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bridge/approvals.hpp"
#include "bridge/claude_channel.hpp"
#include "bridge/event_log.hpp"
#include "bridge/queue.hpp"
#include "io/stdio.hpp"
#include "mcp/server.hpp"
#include "wire/client.hpp"

namespace pincer::bridge {

struct BridgeOptions {
    wire::ClientOptions client;  // url and credentials; who we are is filled in
    ClaudeMode claude = ClaudeMode::on;
    std::string version;              // of serverInfo and of the Gateway's client info
    std::filesystem::path state_dir;  // empty: cursors begin anew with each start
    Millis ready_within{30'000};      // how long a tool waits for the Gateway
    Millis call_timeout{180'000};
    std::function<void(std::string_view line)> say;  // for people: stderr
    bool verbose = false;
};

class Bridge final : public wire::ClientObserver {
public:
    Bridge(io::Runtime& runtime, io::WebSocketConnector& connector, const Clock& clock, crypto::Random& random,
           BridgeOptions options);
    ~Bridge() override;

    mcp::Server& server() { return server_; }
    // Keeps the connection to the Gateway. Ends with an error only when no retry can help.
    Task<Result<>> run() { return client_.run(); }
    void stop() { client_.stop(); }
    void say_final(const Error& error) const;  // why the program ends, in a sentence

    // --- ClientObserver
    Task<Result<>> on_connected(const wire::Hello& hello) override;
    void on_event(const wire::EventFrame& event) override;
    void on_down(const Error& error, Millis again_in) override;

private:
    using Answer = Task<Result<mcp::ToolResult>>;
    void add_tools();
    Answer conversations_list(mcp::ToolCall call);
    Answer conversation_get(mcp::ToolCall call);
    Answer messages_read(mcp::ToolCall call);
    Answer attachments_fetch(mcp::ToolCall call);
    Answer events_poll(mcp::ToolCall call);
    Answer events_wait(mcp::ToolCall call);
    Answer messages_send(mcp::ToolCall call);
    Answer permissions_list_open(mcp::ToolCall call);
    Answer permissions_respond(mcp::ToolCall call);
    Task<Result<json::object>> ask(std::string method, json::object params);
    Task<Result<json::object>> find_message(std::string key, std::string id, std::int64_t limit);

    Task<> catch_up();
    Task<Result<>> replay();
    Task<> refresh_approvals(std::string kind);
    struct Incoming {
        std::string name;
        json::value payload;
        std::optional<std::int64_t> id;
    };
    void accept(Incoming incoming);
    void accept_message(const json::object& payload, std::optional<std::int64_t> id);
    void accept_approval(std::string_view kind, bool requested, const json::object& payload,
                         std::optional<std::int64_t> id);
    void push(json::object event, std::string_view session_key, std::optional<std::int64_t> id);
    void mark_seen(std::optional<std::int64_t> id);
    void lose(std::string_view why);
    void open_log();
    void say(std::string line) const;

    BridgeOptions options_;
    const Clock& clock_;
    crypto::Random& random_;
    mcp::Server server_;
    EventQueue queue_;
    ClaudeChannel claude_;
    OpenApprovals approvals_;
    std::unique_ptr<EventLog> log_;
    io::Event news_;                             // set at each push; events_wait resets it before it waits
    std::optional<std::int64_t> last_event_id_;  // the newest of the Gateway's log that we have taken in
    bool replaying_ = false;
    bool held_back_too_much_ = false;
    std::vector<Incoming> held_;  // what came while a replay ran
    bool outage_told_ = false;
    wire::Client client_;
};

// The whole program but for its arguments: MCP on `stream`, until its end, a signal, or a failure that is final.
// Gives the exit code: 0 at the end of input or SIGINT/SIGTERM, 1 when the Gateway refuses us.
Task<int> serve(io::Runtime& runtime, io::LineStream& stream, io::WebSocketConnector& connector, const Clock& clock,
                crypto::Random& random, BridgeOptions options);

}  // namespace pincer::bridge
