// Runs tool calls as tasks that can be cancelled one by one. Used by the edges.
#pragma once

#include <map>
#include <memory>

#include "mcp/server_session.hpp"

namespace pincer::mcp {

class CallRunner {
public:
    // `done` is called on the io thread once for each call that was started, cancelled ones included. Nothing may be
    // started while stop() runs.
    using Done = std::function<void(CallKey, Result<ToolResult>)>;
    CallRunner(io::Runtime& runtime, Done done);
    ~CallRunner();  // stop() first

    void start(ServerSession::Start start);
    void cancel(CallKey key);
    bool idle() const { return running_.empty(); }
    // Until nothing runs any more. False when the deadline came first.
    Task<bool> wait_idle(Deadline deadline);
    Task<> stop();

private:
    Task<> run(CallKey key, std::shared_ptr<const Server::CompiledTool> tool, ToolCall call);
    void post_reap();
    void reap();

    io::Runtime& runtime_;
    Done done_;
    std::map<CallKey, std::unique_ptr<io::TaskGroup>> running_;  // one group each: it is the handle for cancelling
    std::vector<std::unique_ptr<io::TaskGroup>> ended_;          // a task cannot destroy the group that it ends in
    std::shared_ptr<CallRunner*> self_;  // outlived by posted reaps, which look whether it still points here
    bool reap_posted_ = false;
    bool stopping_ = false;
    io::Event idle_;
};

}  // namespace pincer::mcp
