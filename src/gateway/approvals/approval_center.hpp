// Where a tool call that may change something waits for a person. One request, shown in every surface at once; one
// decision, taken from whichever comes first; a signed grant for exactly what was shown.
//
// Life of a request: ask() -> Desk (durable, in the chain) -> event to the web page and the bridges, cards into the
// conversation and the configured places -> decide() from any of them -> Desk picks the winner -> resolved event, cards
// rewritten, answer() makes the grant. After a restart ask() is called again for the same call and goes on waiting.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/run.hpp"
#include "approval/approval.hpp"
#include "gateway/config/gateway_config.hpp"
#include "gateway/delivery/outbox.hpp"
#include "gateway/events/event_bus.hpp"
#include "gateway/timing/pauses.hpp"
#include "gateway/store/store.hpp"

namespace pincer::gateway {

struct ApprovalDeps {
    io::Runtime& runtime;
    Store& store;
    approval::Desk& desk;
    approval::Authority& authority;
    audit::Chain& chain;
    EventBus& events;
    Outbox& outbox;
    Pauses& pauses;
    const Clock& clock;
};

// What would run, for the card and for the digest.
struct GatedCall {
    Run run;
    agent::ToolCall call;
    agent::ToolSpec tool;
    // The plan that the call names by digest, as the planning tool gave it: {"digest", "document": what was hashed,
    // "engine": who may consume the grant}; empty when there is none.
    json::object plan;
};

class ApprovalCenter {
public:
    ApprovalCenter(ApprovalDeps deps, const ApprovalConfig& config, const RoutingConfig& routing);
    ~ApprovalCenter();

    // The end of the request for this call: as long as it lives, that is waited for. `waiting` is called once it is
    // clear that a person is needed. The same call asked again is the same request.
    Task<Result<approval::Record>> ask(GatedCall call, std::function<void()> waiting);
    // What the run may do now. For an allowed request a grant is signed, good for kGrantLife: the call is made at once.
    Task<Result<agent::Gate>> answer(approval::Record record, GatedCall call);

    // A decision by somebody whom the caller has identified. `via` names the surface.
    Task<Result<approval::Record>> decide(std::string id, approval::Decision decision, approval::Principal by,
                                          std::string via);
    // A person in a channel: only those named in approvals.approvers (or owners) may; `home_principal` is the shorter
    // name under which approvers may know them ("" when there is none). Error `forbidden`, APPROVAL_NOT_AN_APPROVER.
    Task<Result<approval::Record>> decide_in_channel(std::string id, approval::Decision decision, std::string principal,
                                                     std::string display, std::string via,
                                                     std::string home_principal = {});
    // The one sentence that a person reads after a decision or a late click.
    static std::string describe(const Result<approval::Record>& outcome);

    // What an ended run still asks of people is asked no more.
    Task<Result<>> withdraw(std::string run_id, std::string why);

    // Requests made over the wire by others (exec.approval.request, plugin.approval.request).
    Task<Result<approval::Record>> open_request(approval::Request request, std::optional<Millis> ttl);
    // Until it is decided, expires, or the deadline.
    Task<Result<approval::Record>> wait(std::string id, Deadline deadline);

    const approval::Desk& desk() const { return deps_.desk; }
    approval::Principal principal(std::string id, std::string display) const;

    // Puts right what a crash left between two of our steps (a request whose run does not know it, one whose run is
    // over, a card that still has its buttons), then expires what is due, once a second, until stopped. Once, after the
    // outbox has started and before anybody can decide.
    Task<Result<>> start();
    Task<> stop();

private:
    Task<Result<>> adopt(approval::Record record);
    Task<Result<approval::Record>> find_or_request(GatedCall call);
    Task<Result<>> show(approval::Record record, channels::Route origin);
    void changed(const approval::Record& record);
    Task<> after_decision(approval::Record record);
    Task<> rewrite_card(Delivery card, approval::Record record);
    Task<> tick();

    ApprovalDeps deps_;
    const ApprovalConfig& config_;
    const RoutingConfig& routing_;
    std::map<std::string, std::vector<std::shared_ptr<io::Event>>> waiters_;  // each takes itself out again
    bool stopping_ = false;
    io::TaskGroup tasks_;
};

inline constexpr Millis kGrantLife{10 * 60'000};

// Tokens of the buttons on a card: "ap:o:<id>" and "ap:d:<id>", within Telegram's 64 bytes.
std::string button_token(approval::Decision decision, const std::string& id);
std::optional<std::pair<approval::Decision, std::string>> parse_button_token(std::string_view token);

}  // namespace pincer::gateway
