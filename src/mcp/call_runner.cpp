#include "mcp/detail/call_runner.hpp"

#include "base/assert.hpp"

namespace pincer::mcp {

CallRunner::CallRunner(io::Runtime& runtime, Done done)
    : runtime_(runtime), done_(std::move(done)), self_(std::make_shared<CallRunner*>(this)), idle_(runtime) {}

CallRunner::~CallRunner() {
    PINCER_ASSERT(running_.empty(), "stop() was awaited");
    *self_ = nullptr;
}

void CallRunner::start(ServerSession::Start start) {
    auto group = std::make_unique<io::TaskGroup>(runtime_);
    io::TaskGroup& spawner = *group;
    running_.emplace(start.key, std::move(group));
    spawner.spawn(run(start.key, std::move(start.tool), std::move(start.call)));
}

Task<> CallRunner::run(CallKey key, std::shared_ptr<const Server::CompiledTool> tool, ToolCall call) {
    Result<ToolResult> result = co_await tool->tool.run(std::move(call));
    if (!stopping_) {
        auto node = running_.extract(key);
        ended_.push_back(std::move(node.mapped()));
        post_reap();
        if (running_.empty()) idle_.set();
    }
    done_(key, std::move(result));
}

void CallRunner::post_reap() {
    if (std::exchange(reap_posted_, true)) return;
    runtime_.post([self = self_] {
        if (*self) (*self)->reap();
    });
}

void CallRunner::reap() {
    reap_posted_ = false;
    if (stopping_) return;
    std::erase_if(ended_, [](const auto& group) { return group->size() == 0; });
    if (!ended_.empty()) post_reap();
}

void CallRunner::cancel(CallKey key) {
    if (const auto found = running_.find(key); found != running_.end()) found->second->cancel();
}

Task<bool> CallRunner::wait_idle(Deadline deadline) {
    while (!running_.empty()) {
        idle_.reset();
        const Result<> woken = co_await idle_.wait(deadline);
        if (!woken) break;
    }
    co_return running_.empty();
}

Task<> CallRunner::stop() {
    stopping_ = true;  // from here on the groups stay where they are until all have ended
    for (const auto& [key, group] : running_) group->cancel();
    for (const auto& [key, group] : running_) co_await group->stop();
    for (const auto& group : ended_) co_await group->stop();
    running_.clear();
    ended_.clear();
    stopping_ = false;
}

}  // namespace pincer::mcp
