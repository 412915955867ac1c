#include "gateway/approvals/approval_center.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "gateway/approvals/card.hpp"

namespace pincer::gateway {
namespace {

constexpr Millis kTick{1'000};

// With its number in the durable log, by which a bridge knows what it has seen.
Event approval_event(Store& store, const approval::Record& record) {
    Event event;
    event.name = approval_event_name(record);
    json::object payload =
        record.status == approval::Status::pending ? requested_payload(record) : resolved_payload(record);
    if (const std::int64_t id = store.approval_event(event.name, record.id.str()))
        payload["__openclaw"] = json::object{{"eventId", id}};
    event.payload = std::make_shared<const std::string>(json::write(payload));
    event.audience = Audience::approvers;
    event.session_key = record.request.session_key;
    return event;
}

bool is_shown_by_events(const channels::Route& route) { return route.channel.empty() || route.channel == "webchat"; }

}  // namespace

std::string button_token(approval::Decision decision, const std::string& id) {
    return fmt::format("ap:{}:{}", decision == approval::Decision::deny ? 'd' : 'o', id);
}

std::optional<std::pair<approval::Decision, std::string>> parse_button_token(std::string_view token) {
    if (token.starts_with("ap:o:")) return std::pair(approval::Decision::allow_once, std::string(token.substr(5)));
    if (token.starts_with("ap:d:")) return std::pair(approval::Decision::deny, std::string(token.substr(5)));
    return std::nullopt;
}

ApprovalCenter::ApprovalCenter(ApprovalDeps deps, const ApprovalConfig& config, const RoutingConfig& routing)
    : deps_(deps), config_(config), routing_(routing), tasks_(deps.runtime) {
    deps_.desk.on_change([this](const approval::Record& record) { changed(record); });
    deps_.outbox.on_settled([this](const Delivery& delivery) {
        if (stopping_) return;
        if (delivery.purpose != "approval" || delivery.state != DeliveryState::sent) return;
        // A card that arrives after the decision is put right at once.
        const auto record = deps_.desk.find(approval::ApprovalId(delivery.subject));
        if (record && record->status != approval::Status::pending) tasks_.spawn(rewrite_card(delivery, *record));
    });
}

ApprovalCenter::~ApprovalCenter() = default;

Task<Result<>> ApprovalCenter::start() {
    for (approval::Record& record : deps_.desk.pending()) PINCER_CO_CHECK(co_await adopt(std::move(record)));
    PINCER_CO_TRY(std::vector<Delivery> cards, deps_.store.cards_without_outcome());
    for (Delivery& card : cards) {
        auto record = deps_.desk.find(approval::ApprovalId(card.subject));
        if (record && record->status != approval::Status::pending)
            co_await rewrite_card(std::move(card), *std::move(record));
    }
    tasks_.spawn(tick());
    co_return Result<>{};
}

// The request of a run: known to it from now on, whatever is decided before it is taken up; or withdrawn with its run.
Task<Result<>> ApprovalCenter::adopt(approval::Record record) {
    const std::string run_id = record.request.run_id;
    if (run_id.empty()) co_return Result<>{};
    const std::optional<Run> run = deps_.store.find_run(run_id);
    if (run && run->live())
        co_return co_await deps_.store.remember_gate(run_id, record.request.tool_call_id, record.id.str());
    co_return co_await deps_.desk.cancel(record.id, "the run that asked for it has ended");
}

Task<Result<>> ApprovalCenter::withdraw(std::string run_id, std::string why) {
    for (const approval::Record& record : deps_.desk.pending()) {
        if (record.request.run_id != run_id) continue;
        auto cancelled = co_await deps_.desk.cancel(record.id, why);
        if (!cancelled && cancelled.error().reason() != "APPROVAL_ALREADY_RESOLVED") co_return cancelled;
    }
    co_return Result<>{};
}

Task<> ApprovalCenter::stop() {
    stopping_ = true;
    co_await tasks_.stop();
}

Task<> ApprovalCenter::tick() {
    for (;;) {
        auto slept = co_await deps_.pauses.pause(kTick);
        if (!slept) co_return;
        auto expired = co_await deps_.desk.expire_due();
        if (!expired) log::failure(log::Level::error, "approval.expire", expired.error());
    }
}

approval::Principal ApprovalCenter::principal(std::string id, std::string display) const {
    std::string human = routing_.human_of(id);
    const auto& owners = config_.policy.owners;
    const auto is_owner = [&](const std::string& owner) {
        return owner == id || (!human.empty() && routing_.human_of(owner) == human);
    };
    if (std::any_of(owners.begin(), owners.end(), is_owner)) human = kOwner;
    return {std::move(id), std::move(display), std::move(human)};
}

// A request of a former life of this run is taken up again; nobody is asked twice for one call.
Task<Result<approval::Record>> ApprovalCenter::find_or_request(GatedCall call) {
    PINCER_CO_TRY(approval::Request request,
                  make_request(call, principal(call.run.principal, call.run.principal_display), call.run.reply_to));
    std::optional<approval::Record> known;
    if (const auto id = deps_.store.approval_of_call(call.run.id, call.call.id))
        known = deps_.desk.find(approval::ApprovalId(*id));
    for (approval::Record& pending : deps_.desk.pending()) {
        if (!known && pending.request.run_id == call.run.id && pending.request.tool_call_id == call.call.id)
            known = std::move(pending);
    }
    if (known && known->request.subject_digest != request.subject_digest) {
        Error changed(ErrorCode::refused,
                      fmt::format("{} is not the call that was put up for approval any more; nothing was called",
                                  call.call.name));
        co_return Failure(std::move(changed).with_reason("APPROVAL_SUBJECT_CHANGED"));
    }
    if (known) co_return *std::move(known);
    co_return co_await deps_.desk.request(std::move(request));
}

Task<Result<>> ApprovalCenter::show(approval::Record record, channels::Route origin) {
    std::vector<channels::Route> places = config_.targets;
    if (config_.in_session && !is_shown_by_events(origin)) places.insert(places.begin(), origin);
    PINCER_CO_TRY(const std::vector<Delivery> posted, deps_.store.deliveries_of(record.id.str()));
    for (const channels::Route& place : places) {
        const auto already = [&](const Delivery& d) { return d.purpose == "approval" && d.out.route == place; };
        if (std::any_of(posted.begin(), posted.end(), already)) continue;
        Delivery card;
        card.purpose = "approval";
        card.subject = record.id.str();
        card.out.route = place;
        card.out.markdown = card_markdown(record);
        channels::Button approve{"Approve", button_token(approval::Decision::allow_once, record.id.str()),
                                 channels::ButtonStyle::primary};
        channels::Button deny{"Deny", button_token(approval::Decision::deny, record.id.str()),
                              channels::ButtonStyle::danger};
        card.out.buttons.push_back({std::move(approve), std::move(deny)});
        PINCER_CO_CHECK(co_await deps_.outbox.post(std::move(card)));
    }
    co_return Result<>{};
}

Task<Result<approval::Record>> ApprovalCenter::ask(GatedCall call, std::function<void()> waiting) {
    PINCER_CO_TRY(approval::Record record, co_await find_or_request(call));
    PINCER_CO_CHECK(co_await deps_.store.remember_gate(call.run.id, call.call.id, record.id.str()));
    if (record.status != approval::Status::pending) co_return record;
    PINCER_CO_CHECK(co_await show(record, call.run.reply_to));
    waiting();
    co_return co_await wait(record.id.str(), Deadline::never());
}

Task<Result<agent::Gate>> ApprovalCenter::answer(approval::Record record, GatedCall call) {
    agent::Gate gate;
    gate.explanation = describe(Result<approval::Record>(record));
    if (record.status != approval::Status::allowed) {
        gate.answer =
            record.status == approval::Status::denied ? agent::GateAnswer::denied : agent::GateAnswer::expired;
        co_return gate;
    }
    const WallTime now = deps_.clock.wall();
    approval::Grant grant;
    grant.audience = json::string_or(call.plan, "engine");
    grant.id = record.id.str();  // one approval is one nonce: however often it is signed, the engine consumes it once
    grant.plan_digest = record.request.subject_digest;
    grant.approver = record.decided_by ? record.decided_by->id : "";
    grant.approver_display = record.decided_by ? record.decided_by->display : "";
    grant.requester = record.request.requester.id;
    grant.approval_id = record.id.str();
    grant.risk_ceiling = record.request.risk;
    grant.issued_at = now;
    grant.expires_at = now + kGrantLife;
    audit::Entry entry{.kind = "grant.issued", .actor = "gateway", .body = {}, .follows = std::nullopt};
    entry.body = {{"approval", record.id.str()},
                  {"plan_digest", grant.plan_digest},
                  {"approver", grant.approver},
                  {"call", call.call.id}};
    PINCER_CO_CHECK(co_await deps_.chain.append(std::move(entry)));
    grant.follows = record.settled_ref;
    PINCER_CO_TRY(gate.grant, deps_.authority.issue(std::move(grant)));
    co_return gate;
}

Task<Result<approval::Record>> ApprovalCenter::wait(std::string id, Deadline deadline) {
    for (;;) {
        auto record = deps_.desk.find(approval::ApprovalId(id));
        if (!record) {
            Error unknown(ErrorCode::not_found, "unknown or expired approval id");
            co_return Failure(std::move(unknown).with_reason("APPROVAL_NOT_FOUND"));
        }
        if (record->status != approval::Status::pending) co_return *std::move(record);
        auto event = std::make_shared<io::Event>(deps_.runtime);
        waiters_[id].push_back(event);
        auto changed = co_await event->wait(deadline);
        if (const auto at = waiters_.find(id); at != waiters_.end()) {  // not told: nobody keeps what gave up waiting
            std::erase(at->second, event);
            if (at->second.empty()) waiters_.erase(at);
        }
        PINCER_CO_CHECK(std::move(changed));
    }
}

Task<Result<approval::Record>> ApprovalCenter::open_request(approval::Request request, std::optional<Millis> ttl) {
    co_return co_await deps_.desk.request(std::move(request), ttl);
}

Task<Result<approval::Record>> ApprovalCenter::decide(std::string id, approval::Decision decision,
                                                      approval::Principal by, std::string via) {
    co_return co_await deps_.desk.decide(approval::ApprovalId(id), decision, std::move(by), std::move(via));
}

Task<Result<approval::Record>> ApprovalCenter::decide_in_channel(std::string id, approval::Decision decision,
                                                                 std::string who, std::string display, std::string via,
                                                                 std::string home_principal) {
    const auto named = [](const std::vector<std::string>& list, const std::string& id) {
        return !id.empty() && std::find(list.begin(), list.end(), id) != list.end();
    };
    const bool may =
        named(config_.approvers, who) || named(config_.approvers, home_principal) || named(config_.policy.owners, who);
    if (!may) {
        Error refusal(ErrorCode::forbidden, "You are not among the approvers of this Gateway; nothing was decided.");
        co_return Failure(std::move(refusal).with_reason("APPROVAL_NOT_AN_APPROVER"));
    }
    co_return co_await decide(std::move(id), decision, principal(std::move(who), std::move(display)), std::move(via));
}

std::string ApprovalCenter::describe(const Result<approval::Record>& outcome) {
    if (!outcome) return outcome.error().message();
    const approval::Record& r = *outcome;
    const std::string by = r.decided_by ? r.decided_by->display : "nobody";
    const std::string when = to_rfc3339(r.decided_at.value_or(r.expires_at));
    switch (r.status) {
        case approval::Status::pending: return "Waiting for a decision.";
        case approval::Status::allowed: return fmt::format("Approved by {} via {} at {}.", by, r.decided_via, when);
        case approval::Status::denied:
            return fmt::format("Denied by {} via {} at {}. Nothing was touched.", by, r.decided_via, when);
        case approval::Status::expired:
            return fmt::format("Expired at {} without a decision. Nothing was touched.", when);
        case approval::Status::cancelled: return "Withdrawn. Nothing was touched.";
    }
    return {};
}

void ApprovalCenter::changed(const approval::Record& record) {
    deps_.events.publish(approval_event(deps_.store, record));
    if (record.status == approval::Status::pending) return;
    if (auto waiting = waiters_.extract(record.id.str()); !waiting.empty()) {
        for (const auto& event : waiting.mapped()) event->set();
    }
    if (!stopping_) tasks_.spawn(after_decision(record));  // else the next start puts the cards right
}

Task<> ApprovalCenter::after_decision(approval::Record record) {
    auto cards = deps_.store.deliveries_of(record.id.str());
    if (!cards) co_return log::failure(log::Level::error, "approval.cards", cards.error());
    for (Delivery& card : *cards) {
        if (card.purpose == "approval" && card.state == DeliveryState::sent)
            co_await rewrite_card(std::move(card), record);
    }
}

// The card becomes its outcome and loses its buttons. The delivery id makes it happen once.
Task<> ApprovalCenter::rewrite_card(Delivery card, approval::Record record) {
    if (card.refs.empty()) co_return;
    Delivery outcome;
    outcome.purpose = "approval-outcome";
    outcome.subject = record.id.str();
    outcome.out.delivery_id = "outcome:" + card.out.delivery_id;
    outcome.out.route = card.out.route;
    outcome.out.markdown = outcome_markdown(record);
    outcome.out.edit_of = card.refs.back();  // the part that carries the buttons
    auto posted = co_await deps_.outbox.post(std::move(outcome));
    if (!posted && posted.error().code() != ErrorCode::already_exists)
        log::failure(log::Level::warn, "approval.rewrite", posted.error());
}

}  // namespace pincer::gateway
