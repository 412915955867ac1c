#include <algorithm>

#include "gateway/events/payloads.hpp"
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kMaxMessageBytes = 64u << 10;

// The session that a key names; a new web-chat conversation when nobody has spoken there yet.
Session session_named(const Core& core, const std::string& key) {
    if (const Session* known = core.store.find(key)) return *known;
    Session fresh;
    fresh.key = key;
    fresh.agent_id = core.config.routing.agent_id;
    fresh.route = {"webchat", "default", key, ""};
    return fresh;
}

// "main" is short for the agent's main session, as in the original.
std::string full_key(const Core& core, const std::string& key) {
    return key == "main" ? "agent:" + core.config.routing.agent_id + ":main" : key;
}

Event session_event(const char* name, const std::string& key, const json::object& payload) {
    Event event;
    event.name = name;
    event.payload = std::make_shared<const std::string>(json::write(payload));
    event.session_key = key;
    return event;
}

agent::Message assistant_note(std::string text) {
    agent::Message message;
    message.role = agent::Role::assistant;
    message.text = std::move(text);
    return message;
}

}  // namespace

Task<Answer> chat_send(MethodCall call) {
    const std::string key = full_key(call.core, json::string_or(call.params, "sessionKey"));
    std::string text = json::string_or(call.params, "message");
    const std::string run_id = json::string_or(call.params, "idempotencyKey");
    if (text.size() > kMaxMessageBytes) {
        Error error(ErrorCode::too_large, fmt::format("message of {} bytes is over the limit of {}", text.size(), kMaxMessageBytes));
        co_return Answer::failed(error);
    }
    if (!key.starts_with("agent:")) {
        Error error(ErrorCode::invalid_argument, fmt::format("invalid session key \"{}\": expected agent:<agentId>:...", key));
        co_return Answer::failed(error);
    }
    Session session = session_named(call.core, key);
    const bool deliver = json::bool_at(call.params, "deliver").value_or(false);
    auto accepted = co_await call.core.inbox.ask(std::move(session), std::move(text), run_id, call.caller.principal, deliver);
    if (!accepted) co_return Answer::failed(accepted.error());
    const std::string_view status = !accepted->duplicate ? "started" : call.core.store.find_run(run_id) ? "in_flight" : "ok";
    json::object payload{{"runId", run_id}, {"status", status}};
    co_return Answer::of(payload);
}

Answer chat_history(MethodCall& call) {
    const std::string key = full_key(call.core, json::string_or(call.params, "sessionKey"));
    const auto limit = std::clamp<std::int64_t>(json::int_at(call.params, "limit").value_or(200), 1, 1'000);
    auto entries = call.core.store.tail(key, std::size_t(limit), true);
    if (!entries) return Answer::failed(entries.error());
    json::array messages;
    for (const Entry& entry : *entries) messages.push_back(to_wire(entry));
    const Session* session = call.core.store.find(key);
    json::object payload{{"sessionKey", key}, {"messages", std::move(messages)}, {"thinkingLevel", "off"}};
    if (session) payload["sessionId"] = session->session_id;
    return Answer::of(payload);
}

Answer chat_abort(MethodCall& call) {
    std::string key = json::string_or(call.params, "sessionKey", json::string_or(call.params, "key"));
    key = full_key(call.core, key);
    const auto wanted = json::string_at(call.params, "runId");
    json::array aborted;
    for (const std::string& id : call.core.runs.active(key)) {
        if ((!wanted || *wanted == id) && call.core.runs.abort(id)) aborted.push_back(json::value(id));
    }
    return Answer::of({{"ok", true}, {"aborted", !aborted.empty()}, {"runIds", std::move(aborted)}});
}

Task<Answer> chat_inject(MethodCall call) {
    const std::string key = full_key(call.core, json::string_or(call.params, "sessionKey"));
    if (!call.core.store.find(key)) {
        Error error(ErrorCode::not_found, "session not found");
        co_return Answer::failed(error);
    }
    std::string text = json::string_or(call.params, "message");
    if (const auto label = json::string_at(call.params, "label")) text = fmt::format("[{}]\n\n{}", *label, text);
    auto entry = co_await call.core.store.append(key, "", assistant_note(std::move(text)), true);
    if (!entry) co_return Answer::failed(entry.error());
    const Session* session = call.core.store.find(key);
    const RunEventContext run{"inject-" + entry->id, key, session->agent_id, 0};
    call.core.events.publish(session_event("chat", key, chat_final(run, *entry)));
    call.core.events.publish(session_event("session.message", key, session_message_payload(*entry, *session, entry->event_id)));
    json::object payload{{"ok", true}, {"messageId", entry->id}};
    co_return Answer::of(payload);
}

Answer chat_message_get(MethodCall& call) {
    auto entry = call.core.store.message(full_key(call.core, json::string_or(call.params, "sessionKey")), json::string_or(call.params, "messageId"));
    if (!entry) return Answer::failed(entry.error());
    if (!*entry) return Answer::of({{"ok", false}, {"unavailableReason", "not_found"}});
    return Answer::of({{"ok", true}, {"message", to_wire(**entry)}});
}

// Says something in a channel as us: what messages_send of the bridge calls. Durable when it answers, delivered soon
// after; the same idempotency key is sent once.
Task<Answer> send_message(MethodCall call) {
    const json::object& p = call.params;
    channels::Route route{json::string_or(p, "channel"), json::string_or(p, "accountId", "default"), json::string_or(p, "to"), json::string_or(p, "threadId")};
    const std::string key = json::string_or(p, "sessionKey");
    const Session* session = call.core.store.find(key);
    if (route.channel.empty() && session) route = session->route;
    const std::string id = json::string_or(p, "idempotencyKey");
    const std::string text = json::string_or(p, "message");
    if (!route.complete()) {
        Error error(ErrorCode::invalid_argument, "send needs a channel and a recipient (to), or a sessionKey whose route is known");
        co_return Answer::failed(error);
    }
    if (route.channel != "webchat" && !call.core.channels.find(route.channel, route.account_id)) {
        Error error(ErrorCode::unavailable, fmt::format("channel {} (account {}) is not configured here", route.channel, route.account_id));
        co_return Answer::failed(error);
    }
    auto fresh = co_await call.core.store.remember_event("send", route.channel, id);
    if (!fresh) co_return Answer::failed(fresh.error());
    json::object payload{{"runId", id}, {"messageId", id}, {"channel", route.channel}, {"status", *fresh ? "queued" : "duplicate"}};
    if (!*fresh) co_return Answer::of(payload);
    if (route.channel != "webchat") {
        Delivery delivery;
        delivery.purpose = "send";
        delivery.out.delivery_id = "send:" + id;
        delivery.out.route = route;
        delivery.out.markdown = text;
        auto posted = co_await call.core.outbox.post(std::move(delivery));
        if (!posted) co_return Answer::failed(posted.error());
    }
    if (session) {
        auto entry = co_await call.core.store.append(key, "", assistant_note(text), true);
        if (!entry) co_return Answer::failed(entry.error());
        session = call.core.store.find(key);
        call.core.events.publish(session_event("session.message", key, session_message_payload(*entry, *session, entry->event_id)));
        payload["messageId"] = entry->id;
    }
    co_return Answer::of(payload);
}

}  // namespace pincer::gateway
