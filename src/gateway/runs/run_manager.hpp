// Agent runs: from a question on disk to an answer on disk, whatever happens in between.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/run.hpp"
#include "gateway/approvals/approval_center.hpp"
#include "gateway/events/event_bus.hpp"
#include "gateway/events/payloads.hpp"
#include "gateway/runs/session_slot.hpp"
#include "gateway/store/store.hpp"

namespace pincer::gateway {

struct RunDeps {
    io::Runtime& runtime;
    Store& store;
    EventBus& events;
    Outbox& outbox;
    ApprovalCenter& approvals;
    audit::Chain& chain;
    agent::Model& model;
    agent::Model& fallback;
    agent::ToolSource& tools;
    const agent::ModelEgressPolicy& egress;
    const Clock& clock;
    io::Event& tools_ready;   // set once the MCP servers have been asked for their tools; runs wait for it
    std::string system_prompt;
};

class RunManager {
public:
    explicit RunManager(RunDeps deps);
    ~RunManager();

    // Takes up what a former life left open. Once, at start.
    Result<> start();
    // Nothing happens when the run is at work already, or the manager is stopping: it is on disk.
    void launch(Run run);
    // False when there is no such run at work. The run ends as `aborted`; what was said is kept, and what it asked of
    // people is withdrawn.
    bool abort(const std::string& run_id);
    std::vector<std::string> active(std::string_view session_key) const;
    // Stops working; open runs stay open on disk and are taken up by the next start.
    Task<> stop();

private:
    struct Active;
    class Journal;
    Task<> work(std::shared_ptr<Active> active);
    Task<> run_inner(std::shared_ptr<Active> active, std::shared_ptr<io::Event> finished);
    Task<Result<agent::RunOutcome>> answer(std::shared_ptr<Active> active);
    Task<> settle(std::shared_ptr<Active> active);
    Task<Result<>> close(std::shared_ptr<Active> active);
    Task<Result<>> close_aborted(std::shared_ptr<Active> active);
    Task<Result<>> close_failed(std::shared_ptr<Active> active, Error error);
    Task<Result<Entry>> write_answer(std::shared_ptr<Active> active, agent::Message message, RunState end);
    void publish(const char* name, const std::string& session_key, const json::object& payload);
    void publish_entry(const Entry& entry);

    RunDeps deps_;
    std::map<std::string, std::shared_ptr<Active>, std::less<>> active_;
    std::map<std::string, std::shared_ptr<SessionSlot>, std::less<>> slots_;
    bool stopping_ = false;
    io::TaskGroup tasks_;
};

// How much of a conversation a run is shown.
inline constexpr std::size_t kConversationEntries = 80;
// While text streams in, it is told at most this often.
inline constexpr Millis kDeltaPause{100};
// How far back a plan may lie that a call names.
inline constexpr std::size_t kPlanSearchEntries = 400;

}  // namespace pincer::gateway
