// What a run writes down while it works. Private to the folder.
#pragma once

#include "gateway/runs/run_manager.hpp"

namespace pincer::gateway {

struct RunManager::Active {
    Active(io::Runtime& runtime, Run r) : run(std::move(r)), task(runtime) {}

    Run run;
    io::TaskGroup task;                 // the work itself: what an abort cancels
    std::shared_ptr<SessionSlot> slot;  // shared: a run that waits for a person is in no queue, and comes back
    bool holds_slot = false;
    bool aborted = false;
    bool answered = false;  // its last words are on disk, and with them its end
    std::string text;       // streamed of the message that is being made
    std::string untold;     // the end of it that no event has told yet
    SteadyTime told_at{};
    RunEventContext events;
    Result<agent::RunOutcome> outcome = PINCER_FAIL(internal, "the run did not start");

    const RunEventContext& next_event() {
        ++events.seq;
        return events;
    }
};

class RunManager::Journal final : public agent::Journal {
public:
    Journal(RunManager& manager, std::shared_ptr<Active> active) : manager_(manager), active_(std::move(active)) {}

    Task<Result<>> append(agent::Message message) override;
    Task<Result<agent::Gate>> gate(agent::ToolCall call, agent::ToolSpec tool) override;
    bool was_gated(const std::string& call_id) override;
    Task<Result<agent::CallState>> begin_call(agent::ToolCall call, agent::ToolSpec tool) override;
    Task<Result<>> model_egress(agent::EgressReport report) override;
    void delta(std::string_view text) override;
    void phase(std::string_view name, json::object detail) override;

private:
    void tell_delta();
    Task<Result<>> record(std::string kind, json::object body, std::optional<audit::RecordRef> follows);
    void step_aside();
    Task<Result<>> reach(std::string tool);
    Result<bool> has_begun(const std::string& call_id) const;
    Result<json::object> plan_named_by(const agent::ToolCall& call) const;

    RunManager& manager_;
    std::shared_ptr<Active> active_;
};

}  // namespace pincer::gateway
