// One server session over HTTP and what hangs on it: the calls that run and the streams that carry what they say.
// A legacy session has one for its life, a modern POST has its own.
#pragma once

#include <map>

#include "mcp/detail/call_runner.hpp"
#include "mcp/detail/event_stream.hpp"

namespace pincer::mcp {

using StreamRef =
    std::shared_ptr<EventStream>;  // shared by the conversation, which writes, and the exchange that reads

class Conversation final : public Server::Listener {
public:
    Conversation(io::Runtime& runtime, Server& server, Principal principal);
    ~Conversation() override;  // stop() first

    // Takes a message. What can be answered at once is in `at_once`; for the rest, `open` are the requests that a
    // stream must be bound to before anything else happens (no waiting in between).
    struct Taken {
        std::optional<ServerSession::Message> at_once;
        std::vector<jsonrpc::RequestId> open;
    };
    Taken take(jsonrpc::Decoded&& message);
    void bind(const std::vector<jsonrpc::RequestId>& ids, StreamRef stream);
    // Starts what take() found: only now, so that its answers find their stream.
    void start_calls();

    void hear_notifications();  // from the server, from now on
    void on_notify(const ServerNotification& notification) override;
    void set_standing(StreamRef stream) { standing_ = std::move(stream); }
    const StreamRef& standing() const { return standing_; }

    // The caller of these requests went away (modern: that is a cancel).
    void drop(const std::vector<jsonrpc::RequestId>& ids);
    // Ends subscriptions gracefully and cancels what runs; whoever pumps a stream of it then comes to an end.
    void end_now();
    Task<> stop();

    ServerSession& session() { return session_; }
    bool busy() const { return !streams_.empty(); }

private:
    void route();

    Server& server_;
    ServerSession session_;
    ServerSession::Output out_;
    CallRunner runner_;
    std::map<jsonrpc::RequestId, StreamRef> streams_;
    StreamRef standing_;
    bool hearing_ = false;
    bool stopping_ = false;
};

}  // namespace pincer::mcp
