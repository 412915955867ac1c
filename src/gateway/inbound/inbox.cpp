#include "gateway/inbound/inbox.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "gateway/events/payloads.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kMaxQuestionBytes = 64u << 10;
constexpr std::size_t kMaxCommandBytes = 256;
constexpr Millis kAnswerClickWithin{10'000};

const ChannelConfig* config_of(const GatewayConfig& config, const channels::Route& route) {
    for (const ChannelConfig& channel : config.channels) {
        if (channel.type->id == route.channel && channel.account.account_id == route.account_id) return &channel;
    }
    return nullptr;
}

// Our disk or our haste, not an answer: the event is not taken, and the platform says it again.
bool is_our_trouble(const Error& error) {
    switch (error.code()) {
        case ErrorCode::io:
        case ErrorCode::unavailable:
        case ErrorCode::outcome_unknown:
        case ErrorCode::rate_limited:
        case ErrorCode::internal:
        case ErrorCode::cancelled: return true;
        default: return false;
    }
}

constexpr std::size_t kMaxNameBytes = 80;

// One short line, whatever somebody calls themselves.
std::string shown(const channels::Sender& sender) {
    std::string name = strip_control(sender.display.empty() ? sender.id : sender.display);
    std::replace(name.begin(), name.end(), '\n', ' ');
    return truncate_utf8(trim(name), kMaxNameBytes);
}

}  // namespace

std::optional<ApproveCommand> parse_approve_command(std::string_view text) {
    if (text.size() > kMaxCommandBytes) return std::nullopt;
    std::vector<std::string_view> words;
    for (std::string_view word : split(trim(text), ' ')) {
        if (!word.empty()) words.push_back(word);
    }
    if (words.size() != 3 || words[0] != "/approve") return std::nullopt;
    const auto decision = approval::parse_decision(words[2]);
    if (!decision) return std::nullopt;
    return ApproveCommand{std::string(words[1]), *decision};
}

GatewayInbox::GatewayInbox(InboxDeps deps, const GatewayConfig& config) : deps_(std::move(deps)), config_(config) {}

std::optional<std::string> GatewayInbox::cursor(const std::string& channel, const std::string& account) {
    return deps_.store.cursor(channel, account);
}

Task<Result<>> GatewayInbox::save_cursor(std::string channel, std::string account, std::string position) {
    co_return co_await deps_.store.save_cursor(std::move(channel), std::move(account), std::move(position));
}

channels::Verdict GatewayInbox::judge(const channels::Route& route, channels::ConversationType type,
                                      const channels::Sender& sender, bool mentions_us,
                                      const std::string& session_key) const {
    const ChannelConfig* channel = config_of(config_, route);
    if (!channel) return channels::Verdict::ignore;
    channels::AccessQuestion question;
    question.type = type;
    question.sender_id = sender.id;
    question.sender_home_id = home_id(route, sender);
    question.conversation_id = route.to;
    question.is_bot = sender.is_bot;
    question.mentions_us = mentions_us;
    question.in_our_thread = !route.thread_id.empty() && deps_.store.find(session_key) != nullptr;
    return channels::decide(channel->access, deps_.store.paired(route.channel, route.account_id), question);
}

// An id without its workspace says who somebody is only while there is one workspace.
std::string GatewayInbox::home_id(const channels::Route& route, const channels::Sender& sender) const {
    const auto of_this_platform = [&](const ChannelConfig& channel) { return channel.type->id == route.channel; };
    return std::ranges::count_if(config_.channels, of_this_platform) == 1 ? sender.home_id : "";
}

std::string GatewayInbox::home_principal(const channels::Route& route, const channels::Sender& sender) const {
    const std::string id = home_id(route, sender);
    return id.empty() ? "" : route.channel + ":" + id;
}

Task<Result<>> GatewayInbox::message(channels::InboundMessage message) {
    const Session session = session_for(config_.routing, message);
    switch (judge(message.route, message.type, message.sender, message.mentions_us, session.key)) {
        case channels::Verdict::ignore: co_return Result<>{};
        case channels::Verdict::deny:
            log::info("inbound.denied", {{"channel", message.route.channel}, {"sender", message.sender.id}});
            co_return Result<>{};
        case channels::Verdict::pair: co_return co_await offer_pairing(std::move(message));
        case channels::Verdict::allow: break;
    }
    if (deps_.store.seen(message.route.channel, message.route.account_id, message.event_id)) co_return Result<>{};
    PINCER_CO_TRY(const bool handled, co_await handle_command(message));
    if (handled) co_return Result<>{};

    const std::string principal = principal_of(message.route, message.sender);
    const auto& owners = config_.approvals.policy.owners;
    Arrival arrival;
    arrival.channel = message.route.channel;
    arrival.account_id = message.route.account_id;
    arrival.event_id = message.event_id;
    arrival.session = session;
    arrival.text = truncate_utf8(sanitize_utf8(message.text), kMaxQuestionBytes);
    arrival.run_id = deps_.random.uuid();
    arrival.principal = principal;
    arrival.principal_display = shown(message.sender);
    arrival.sender_is_owner = std::find(owners.begin(), owners.end(), principal) != owners.end();
    arrival.reply_to = message.route;
    auto accepted = co_await accept(std::move(arrival));
    if (accepted) co_return Result<>{};
    if (accepted.error().reason() == "SESSION_BUSY") co_return co_await turn_away(std::move(message), session.key);
    co_return Failure(std::move(accepted).error());
}

Task<Result<Accepted>> GatewayInbox::ask(Session session, std::string text, std::string idempotency_key,
                                         approval::Principal by, bool deliver) {
    if (deps_.store.seen("chat.send", session.key, idempotency_key)) co_return Accepted{.duplicate = true, .entry = {}};
    Arrival arrival;
    arrival.channel = "chat.send";
    arrival.account_id = session.key;
    arrival.event_id = idempotency_key;
    if (deliver) arrival.reply_to = session.route;
    arrival.moves_session = false;  // the conversation stays where it is; only a new one takes the route
    arrival.session = std::move(session);
    arrival.text = std::move(text);
    arrival.run_id = std::move(idempotency_key);
    arrival.principal = std::move(by.id);
    arrival.principal_display = std::move(by.display);
    arrival.sender_is_owner = true;
    co_return co_await accept(std::move(arrival));
}

// In the chain, then on disk, then told to everybody, then answered.
Task<Result<Accepted>> GatewayInbox::accept(Arrival arrival) {
    PINCER_CO_TRY(const auto place, deps_.runs.reserve(arrival.session.key));
    audit::Entry record{.kind = "question.asked", .actor = arrival.principal, .body = {}, .follows = std::nullopt};
    record.body = {{"session", arrival.session.key},
                   {"run", arrival.run_id},
                   {"event", arrival.event_id},
                   {"text_digest", crypto::sha256_hex(arrival.text)}};
    PINCER_CO_CHECK(co_await deps_.chain.append(std::move(record)));
    PINCER_CO_TRY(Accepted accepted, co_await deps_.store.accept(std::move(arrival)));
    if (accepted.duplicate) co_return accepted;

    const Session* session = deps_.store.find(accepted.entry.session_key);
    if (!session) co_return accepted;
    const WallTime now = deps_.store.clock().wall();
    const auto tell = [&](const char* name, const json::object& payload) {
        Event event;
        event.name = name;
        event.payload = std::make_shared<const std::string>(json::write(payload));
        event.session_key = accepted.entry.session_key;
        deps_.events.publish(event);
    };
    tell("sessions.changed", sessions_changed_payload(*session, "send", now));
    tell("session.message", session_message_payload(accepted.entry, *session, accepted.entry.event_id));
    if (auto run = deps_.store.find_run(accepted.entry.run_id)) deps_.runs.launch(*std::move(run));
    co_return accepted;
}

// The conversation is full: said once, until one of its runs has ended. The event is noted last, as with a pairing.
Task<Result<>> GatewayInbox::turn_away(channels::InboundMessage message, std::string session_key) {
    const channels::Route route = message.route;
    log::warn("inbound.session_busy", {{"channel", route.channel}, {"session", session_key}});
    if (deps_.runs.tell_full(session_key)) {
        const std::string id = fmt::format("busy:{}:{}:{}", route.channel, route.account_id, message.event_id);
        PINCER_CO_CHECK(co_await reply(route, "busy", id,
                                       "I am still busy with your earlier questions, so I did not take this one. "
                                       "Please ask again when I have answered."));
    }
    PINCER_CO_CHECK(co_await deps_.store.remember_event(route.channel, route.account_id, message.event_id));
    co_return Result<>{};
}

// One answer for each code, however often a stranger writes. The event is noted last: a crash before that does it
// again, and the delivery id makes it one message.
Task<Result<>> GatewayInbox::offer_pairing(channels::InboundMessage message) {
    const channels::Route& route = message.route;
    if (deps_.store.seen(route.channel, route.account_id, message.event_id)) co_return Result<>{};
    auto pairing =
        co_await deps_.store.request_pairing(route.channel, route.account_id, message.sender.id, shown(message.sender));
    if (pairing) {
        const std::string id =
            fmt::format("pairing:{}:{}:{}:{}", route.channel, route.account_id, message.sender.id, pairing->code);
        const std::string text = fmt::format(
            "I do not know you yet. Ask the owner of this Gateway to run\n\n`openclaw pairing approve {} {}`\n\nThe "
            "code is good for one hour.",
            route.channel, pairing->code);
        PINCER_CO_CHECK(co_await reply(route, "pairing", id, text));
    } else if (pairing.error().code() == ErrorCode::rate_limited) {
        log::failure(log::Level::warn, "pairing.refused", pairing.error());
    } else {
        co_return Failure(std::move(pairing).error());
    }
    PINCER_CO_CHECK(co_await deps_.store.remember_event(route.channel, route.account_id, message.event_id));
    co_return Result<>{};
}

// True when the message was a command of ours and is done with. Deciding twice is deciding once, so the event is noted
// last here too.
Task<Result<bool>> GatewayInbox::handle_command(const channels::InboundMessage& message) {
    const auto command = parse_approve_command(message.text);
    if (!command) co_return false;
    const channels::Route route = message.route;
    auto outcome = co_await deps_.approvals.decide_in_channel(
        command->id, command->decision, principal_of(route, message.sender), shown(message.sender), route.channel,
        home_principal(route, message.sender));
    if (!outcome && is_our_trouble(outcome.error())) co_return Failure(std::move(outcome).error());
    const std::string reply_id = fmt::format("command:{}:{}:{}", route.channel, route.account_id, message.event_id);
    PINCER_CO_CHECK(co_await reply(route, "command", reply_id, ApprovalCenter::describe(outcome)));
    PINCER_CO_CHECK(co_await deps_.store.remember_event(route.channel, route.account_id, message.event_id));
    co_return true;
}

Task<Result<>> GatewayInbox::action(channels::InboundAction action) {
    const std::string session_key;  // a button is pressed on a message of ours: the thread rule does not apply
    const auto verdict = judge(action.route, action.type, action.sender, true, session_key);
    if (verdict != channels::Verdict::allow) {
        log::info("inbound.denied",
                  {{"channel", action.route.channel}, {"sender", action.sender.id}, {"kind", "action"}});
        co_return Result<>{};
    }
    channels::Channel* channel = deps_.channels(action.route.channel, action.route.account_id);
    const auto token = parse_button_token(action.token);
    std::string text = "This button is not known any more.";
    if (token) {
        auto outcome = co_await deps_.approvals.decide_in_channel(
            token->second, token->first, principal_of(action.route, action.sender), shown(action.sender),
            action.route.channel, home_principal(action.route, action.sender));
        if (!outcome && is_our_trouble(outcome.error())) co_return Failure(std::move(outcome).error());
        text = ApprovalCenter::describe(outcome);
    }
    // Deciding twice is deciding once, so the event is noted only now: a crash in between asks again and hears the
    // same.
    PINCER_CO_TRY(const bool fresh,
                  co_await deps_.store.remember_event(action.route.channel, action.route.account_id, action.event_id));
    if (!fresh || !channel) co_return Result<>{};
    auto answered =
        co_await channel->answer_action(std::move(action), std::move(text), Deadline::after(kAnswerClickWithin));
    if (!answered) log::failure(log::Level::warn, "action.answer", answered.error());
    co_return Result<>{};
}

Task<Result<>> GatewayInbox::reply(channels::Route route, std::string purpose, std::string delivery_id,
                                   std::string markdown) {
    Delivery delivery;
    delivery.purpose = std::move(purpose);
    delivery.out.delivery_id = std::move(delivery_id);
    delivery.out.route = std::move(route);
    delivery.out.markdown = std::move(markdown);
    auto posted = co_await deps_.outbox.post(std::move(delivery));
    if (posted || posted.error().code() == ErrorCode::already_exists)
        co_return Result<>{};  // this very reply is on its way
    co_return Failure(std::move(posted).error());
}

}  // namespace pincer::gateway
