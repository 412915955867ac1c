// A journal that remembers, and that can fail at any write: what a run does when the disk says no, or dies there.
#pragma once

#include <algorithm>
#include <map>
#include <set>

#include "agent/run.hpp"
#include "io/runtime.hpp"

namespace pincer::agent::testing {

class MemoryJournal final : public Journal {
public:
    Task<Result<>> append(Message message) override;
    Task<Result<Gate>> gate(ToolCall call, ToolSpec tool) override;
    bool was_gated(const std::string& call_id) override {
        return std::ranges::find(gated, call_id, &ToolCall::id) != gated.end();
    }
    Task<Result<CallState>> begin_call(ToolCall call, ToolSpec tool) override;
    Task<Result<>> model_egress(EgressReport report) override;
    void delta(std::string_view text) override { streamed += text; }
    void phase(std::string_view name, json::object detail) override;

    // What the gate answers; while `decision` is set, gate() waits for it first.
    Gate answer{.answer = GateAnswer::go, .grant = "grant-1", .explanation = {}};
    io::Event* decision = nullptr;
    std::function<void()> on_gate;  // what happens while somebody decides
    io::Event* disk = nullptr;      // model_egress() waits for it
    // The write of this number (append, begin_call and model_egress, counted from 1) and all later ones fail.
    int fail_from_write = 0;

    std::vector<Message> messages;
    std::vector<ToolCall> gated;
    std::set<std::string> begun;      // call ids
    std::vector<std::string> phases;  // "tool:started", ...
    std::vector<EgressReport> egress;
    std::string streamed;

private:
    bool write_fails() { return fail_from_write > 0 && ++writes_ >= fail_from_write; }
    int writes_ = 0;
};

}  // namespace pincer::agent::testing
