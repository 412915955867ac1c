// The tool calls of one assistant turn, from the call to the message that answers it. Used by the run loop only.
#pragma once

#include <algorithm>
#include <set>

#include "agent/run.hpp"

namespace pincer::agent {

// What is left of the run's working time. Waiting for a person stops the watch.
class WorkWatch {
public:
    WorkWatch(const Clock& clock, Millis total) : clock_(clock), left_(total), since_(clock.steady()) {}
    void pause() {
        left_ = left();
        running_ = false;
    }
    void resume() {
        since_ = clock_.steady();
        running_ = true;
    }
    Millis left() const {
        if (!running_) return left_;
        const auto used = std::chrono::duration_cast<Millis>(clock_.steady() - since_);
        return std::max(Millis(0), left_ - used);
    }
    Deadline deadline() const { return Deadline::after(left()); }

private:
    const Clock& clock_;
    Millis left_;
    SteadyTime since_;
    bool running_ = true;
};

class ToolCalls {
public:
    ToolCalls(RunDeps deps, Journal& journal, CallContext context, Budget budget, WorkWatch& watch)
        : deps_(deps), journal_(journal), context_(std::move(context)), budget_(budget), watch_(watch) {}

    // Makes the calls and journals their results in the order of the calls; reads that stand next to each other run
    // side by side. Appends the result messages to `messages` as they are journalled. Errors: cancelled; or what the
    // journal or the gate failed with, before anything was done.
    Task<Result<>> run(std::vector<ToolCall> calls, std::vector<Message>& messages);
    // The same for calls that a former life of the run left open: one that waited for a person is a change still,
    // whether its tool is at hand now or not.
    Task<Result<>> take_up(std::vector<ToolCall> calls, std::vector<Message>& messages);
    // `cancelled` once the task was: for the places where a step that took no notice would let the run go on.
    Task<Result<>> still_wanted();

private:
    Task<Result<>> run_reads(std::vector<ToolCall> calls, std::vector<Message>& messages);
    Task<> run_read(ToolCall call, std::optional<Result<ToolResult>>& out);
    Task<Result<ToolResult>> run_change(ToolCall call);
    Task<Result<ToolResult>> make_change(ToolCall call, ToolSpec tool, CallContext context);
    Task<Result<ToolResult>> settle(ToolCall call, ToolSpec tool, std::string why);
    Task<Result<ToolResult>> reach_and_call(ToolCall call, Deadline deadline);
    Task<Result<>> record(ToolCall call, ToolResult result, std::vector<Message>& messages);
    // Why the call is not to be made at all, as a result that the model can read.
    std::optional<ToolResult> objection(const ToolCall& call) const;
    const ToolSpec* spec_of(std::string_view name) const;
    bool is_change(const ToolCall& call) const;
    CallContext context() const;
    void announce(const ToolCall& call, std::string_view state);

    RunDeps deps_;
    Journal& journal_;
    CallContext context_;
    Budget budget_;
    WorkWatch& watch_;
    std::vector<ToolSpec> specs_;
    std::set<std::string> gated_;  // ids of calls that a former life put before a person
    int made_ = 0;
};

}  // namespace pincer::agent
