// Where channels hand in what happened on their platform. One gate for every kind of event, before anything looks at
// its text; then either a question (durable, with its run), a command, a decision, or a pairing code in answer.
#pragma once

#include "gateway/approvals/approval_center.hpp"
#include "gateway/config/gateway_config.hpp"
#include "gateway/runs/run_manager.hpp"

namespace pincer::gateway {

struct InboxDeps {
    Store& store;
    EventBus& events;
    Outbox& outbox;
    ApprovalCenter& approvals;
    RunManager& runs;
    audit::Chain& chain;
    crypto::Random& random;
    ChannelLookup channels;
};

class GatewayInbox final : public channels::Inbox {
public:
    GatewayInbox(InboxDeps deps, const GatewayConfig& config);

    Task<Result<>> message(channels::InboundMessage message) override;
    Task<Result<>> action(channels::InboundAction action) override;
    std::optional<std::string> cursor(const std::string& channel, const std::string& account) override;
    Task<Result<>> save_cursor(std::string channel, std::string account, std::string position) override;

    // A question from the Gateway's own surfaces (chat.send). `idempotency_key` plays the part of the event id and is
    // the run's id, as in the original.
    Task<Result<Accepted>> ask(Session session, std::string text, std::string idempotency_key, approval::Principal by,
                               bool deliver);

private:
    channels::Verdict judge(const channels::Route& route, channels::ConversationType type,
                            const channels::Sender& sender, bool mentions_us, const std::string& session_key) const;
    std::string home_id(const channels::Route& route, const channels::Sender& sender) const;
    std::string home_principal(const channels::Route& route, const channels::Sender& sender) const;
    Task<Result<>> offer_pairing(channels::InboundMessage message);
    Task<Result<bool>> handle_command(const channels::InboundMessage& message);
    Task<Result<>> reply(channels::Route route, std::string purpose, std::string delivery_id, std::string markdown);
    Task<Result<Accepted>> accept(Arrival arrival);
    Task<Result<>> turn_away(channels::InboundMessage message, std::string session_key);

    InboxDeps deps_;
    const GatewayConfig& config_;
};

// "/approve <id> allow-once|deny": the way to decide where there are no buttons.
struct ApproveCommand {
    std::string id;
    approval::Decision decision;
};
std::optional<ApproveCommand> parse_approve_command(std::string_view text);

}  // namespace pincer::gateway
