#include <algorithm>

#include "gateway/events/payloads.hpp"
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kMaxMessageBytes = 64u << 10;
constexpr std::size_t kMaxKeyBytes = 256;

// The session that a key names; a new web-chat conversation when nobody has spoken there yet.
Session session_named(const Core& core, const std::string& key) {
    if (const Session* known = core.store.find(key)) return *known;
    Session fresh;
    fresh.key = key;
    fresh.agent_id = core.config.routing.agent_id;
    fresh.route = {"webchat", "default", key, ""};
    return fresh;
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

std::string full_key(const Core& core, const std::string& key) {
    return key == "main" ? "agent:" + core.config.routing.agent_id + ":main" : key;
}

// sessions.send: the same by another name of the key.
Task<Answer> sessions_send(MethodCall call) {
    call.params["sessionKey"] = json::string_or(call.params, "key");
    if (!call.params.contains("idempotencyKey")) call.params["idempotencyKey"] = call.core.random.uuid();
    return chat_send(std::move(call));
}

Task<Answer> chat_send(MethodCall call) {
    const std::string key = full_key(call.core, json::string_or(call.params, "sessionKey"));
    std::string text = json::string_or(call.params, "message");
    const std::string run_id = json::string_or(call.params, "idempotencyKey");
    if (run_id.size() > kMaxKeyBytes || key.size() > kMaxKeyBytes) {
        Error error(ErrorCode::too_large,
                    fmt::format("idempotencyKey and sessionKey may have {} bytes each", kMaxKeyBytes));
        co_return Answer::failed(error);
    }
    if (text.size() > kMaxMessageBytes) {
        Error error(ErrorCode::too_large,
                    fmt::format("message of {} bytes is over the limit of {}", text.size(), kMaxMessageBytes));
        co_return Answer::failed(error);
    }
    if (!key.starts_with("agent:")) {
        Error error(ErrorCode::invalid_argument,
                    fmt::format("invalid session key \"{}\": expected agent:<agentId>:...", key));
        co_return Answer::failed(error);
    }
    Session session = session_named(call.core, key);
    const bool deliver = json::bool_at(call.params, "deliver").value_or(false);
    auto accepted =
        co_await call.core.inbox.ask(std::move(session), std::move(text), run_id, call.caller.principal, deliver);
    if (!accepted) co_return Answer::failed(accepted.error());
    const std::optional<Run> run = call.core.store.find_run(run_id);
    const std::string_view status = !accepted->duplicate ? "started" : run && run->live() ? "in_flight" : "ok";
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
    const std::string key =
        full_key(call.core, json::string_or(call.params, "sessionKey", json::string_or(call.params, "key")));
    const auto wanted = json::string_at(call.params, "runId");
    std::vector<std::string> candidates = call.core.runs.active(key);
    if (key.empty() && wanted) candidates.emplace_back(*wanted);  // sessions.abort may name the run alone
    json::array aborted;
    for (const std::string& id : candidates) {
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
    if (text.size() > kMaxMessageBytes) {
        Error error(ErrorCode::too_large,
                    fmt::format("message of {} bytes is over the limit of {}", text.size(), kMaxMessageBytes));
        co_return Answer::failed(error);
    }
    auto entry = co_await call.core.store.append(key, "", assistant_note(std::move(text)), true);
    if (!entry) co_return Answer::failed(entry.error());
    if (const Session* session = call.core.store.find(key)) {
        const RunEventContext run{"inject-" + entry->id, key, session->agent_id, 0};
        call.core.events.publish(session_event("chat", key, chat_final(run, *entry)));
        call.core.events.publish(
            session_event("session.message", key, session_message_payload(*entry, *session, entry->event_id)));
    }
    json::object payload{{"ok", true}, {"messageId", entry->id}};
    co_return Answer::of(payload);
}

Answer chat_message_get(MethodCall& call) {
    auto entry = call.core.store.message(full_key(call.core, json::string_or(call.params, "sessionKey")),
                                         json::string_or(call.params, "messageId"));
    if (!entry) return Answer::failed(entry.error());
    if (!*entry) return Answer::of({{"ok", false}, {"unavailableReason", "not_found"}});
    return Answer::of({{"ok", true}, {"message", to_wire(**entry)}});
}

std::optional<Error> check_send(const Core& core, const channels::Route& route, const std::string& id,
                                const std::string& text) {
    if (!route.complete())
        return Error(ErrorCode::invalid_argument,
                     "send needs a channel and a recipient (to), or a sessionKey whose route is known");
    if (route.channel != "webchat" && !core.channels.find(route.channel, route.account_id)) {
        return Error(ErrorCode::unavailable,
                     fmt::format("channel {} (account {}) is not configured here", route.channel, route.account_id));
    }
    if (id.size() > kMaxKeyBytes)
        return Error(ErrorCode::too_large, fmt::format("idempotencyKey may have {} bytes", kMaxKeyBytes));
    if (text.size() > kMaxMessageBytes)
        return Error(ErrorCode::too_large,
                     fmt::format("message of {} bytes is over the limit of {}", text.size(), kMaxMessageBytes));
    return std::nullopt;
}

// Says something in a channel as us: what messages_send of the bridge calls. Durable when it answers, delivered soon
// after; the same idempotency key is sent once.
Task<Answer> send_message(MethodCall call) {
    const json::object& p = call.params;
    channels::Route route{json::string_or(p, "channel"), json::string_or(p, "accountId", "default"),
                          json::string_or(p, "to"), json::string_or(p, "threadId")};
    const std::string given_key = json::string_or(p, "sessionKey");
    const std::string key = given_key.empty() ? "" : full_key(call.core, given_key);
    const Session* session = call.core.store.find(key);
    if (route.channel.empty() && session) route = session->route;
    const std::string id = json::string_or(p, "idempotencyKey");
    const std::string text = json::string_or(p, "message");
    if (auto wrong = check_send(call.core, route, id, text)) co_return Answer::failed(*wrong);

    std::optional<Delivery> delivery;
    if (route.channel != "webchat") {
        delivery.emplace();
        delivery->purpose = "send";
        delivery->out.delivery_id = fmt::format("send:{}:{}", route.channel, id);
        delivery->out.route = route;
        delivery->out.markdown = text;
    }
    const std::string transcript = session ? key : "";
    auto said = co_await call.core.store.say(route.channel, id, transcript, assistant_note(text), delivery);
    if (!said) co_return Answer::failed(said.error());
    json::object payload{{"runId", id},
                         {"messageId", id},
                         {"channel", route.channel},
                         {"status", said->duplicate ? "duplicate" : "queued"}};
    if (said->duplicate) co_return Answer::of(payload);
    if (delivery) call.core.outbox.take(*std::move(delivery));
    session = call.core.store.find(key);
    if (said->entry && session) {
        call.core.events.publish(session_event("session.message", key,
                                               session_message_payload(*said->entry, *session, said->entry->event_id)));
        payload["messageId"] = said->entry->id;
    }
    co_return Answer::of(payload);
}

}  // namespace pincer::gateway
