// The server's side of one conversation, sans-IO and for both eras: texts in, texts and tool calls to run out.
// Over stdio one session lives as long as the process; over HTTP a legacy session has one, and in the modern era
// each POST has its own.
//
//     session.receive(line, out);          // write out.send, run out.start, cancel out.cancel
//     session.finish(key, result, out);    // when a run has ended
#pragma once

#include <unordered_map>

#include "jsonrpc/peer.hpp"
#include "mcp/server.hpp"

namespace pincer::mcp {

using CallKey = std::uint64_t;  // of one running call, never used twice in a session

class ServerSession {
public:
    struct Message {
        std::string text;
        std::optional<jsonrpc::RequestId> about;  // the request it belongs to: which HTTP stream it goes to
        bool is_response = false;                 // the last message about that request
        int error_code = 0;                       // of an error response: HTTP makes a status of it
    };
    struct Start {
        CallKey key;
        std::shared_ptr<const Server::CompiledTool> tool;
        ToolCall call;
    };
    struct Output {
        std::vector<Message> send;
        std::vector<Start> start;
        struct Cancel {
            CallKey key;            // its run should stop
            jsonrpc::RequestId id;  // and this request gets no answer
        };
        std::vector<Cancel> cancel;
        void clear();
    };

    // Channels that outlive the session say nothing any more.
    ServerSession(Server& server, Principal principal);
    ~ServerSession();
    ServerSession(const ServerSession&) = delete;
    ServerSession& operator=(const ServerSession&) = delete;

    // One JSON text from the client. Immediate tools are run inside. Appends to `out`.
    void receive(std::string_view text, Output& out);
    void receive(jsonrpc::Decoded&& decoded, Output& out);
    // A run has ended; nothing is sent when it was cancelled.
    void finish(CallKey key, Result<ToolResult> result, Output& out);
    // The server has something to tell: written for the legacy connection, once for each modern subscription on it.
    void notify(const ServerNotification& notification, Output& out);
    // The transport lost the caller of this request (a closed HTTP stream is a cancel).
    void drop(const jsonrpc::RequestId& id, Output& out);
    // The server goes away: subscriptions are ended gracefully.
    void end_subscriptions(Output& out);

    // What channels (progress, log) said since the last look. The edge is told once that there is something, and must
    // take it before it passes on a later answer (finish() does so by itself).
    void take_outbox(Output& out);
    void set_on_outbox(std::function<void()> tell);

    bool initialized() const;                   // legacy: the handshake has been answered
    const std::string& legacy_version() const;  // "" before that
    std::size_t running() const;                // calls in flight
    std::size_t subscriptions() const;
    const Implementation& client() const;  // legacy: as it introduced itself

    class Impl;

private:
    std::shared_ptr<Impl> impl_;  // shared with nobody; channels hold it weakly
};

}  // namespace pincer::mcp
