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
    io::Event& tools_ready;  // set once the MCP servers have been asked for their tools; runs wait for it
    std::string system_prompt;
};

class RunManager {
public:
    class Place;  // room for one more run in a conversation, kept while its question is being written down

    explicit RunManager(RunDeps deps);
    ~RunManager();

    // Takes up what a former life left open. Once, at start.
    Result<> start();
    // To be asked before a question is taken, and kept until launch(). Error: rate_limited, reason SESSION_BUSY, when
    // kMostOpenRuns of the conversation (or kMostRunsInAll) are open: queued, at work, or waiting for a person.
    Result<std::unique_ptr<Place>> reserve(const std::string& session_key);
    // True once for each time that the conversation has become full: so that a channel is told once, not once for each
    // message of a flood.
    bool tell_full(const std::string& session_key);
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
    std::shared_ptr<SessionSlot> slot_of(const std::string& session_key);
    void tidy(const std::string& session_key);
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
    std::size_t reserved_ = 0;
    bool stopping_ = false;
    io::TaskGroup tasks_;
};

class RunManager::Place {
public:
    Place(RunManager& manager, std::string session_key, std::shared_ptr<SessionSlot> slot)
        : manager_(manager), session_key_(std::move(session_key)), slot_(std::move(slot)) {
        ++manager_.reserved_;
    }
    ~Place() {
        --manager_.reserved_;
        slot_.reset();
        manager_.tidy(session_key_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

private:
    RunManager& manager_;
    std::string session_key_;
    std::shared_ptr<SessionSlot> slot_;
};

// Open runs of one conversation, and of all. What was taken keeps its place and its order; more is refused at the door.
inline constexpr std::size_t kMostOpenRuns = 64;
inline constexpr std::size_t kMostRunsInAll = 4'096;
// How much of a conversation a run is shown.
inline constexpr std::size_t kConversationEntries = 80;
// While text streams in, it is told at most this often.
inline constexpr Millis kDeltaPause{100};
// How far back a plan may lie that a call names.
inline constexpr std::size_t kPlanSearchEntries = 400;

}  // namespace pincer::gateway
