#include <algorithm>

#include "gateway/approvals/card.hpp"
#include "gateway/events/payloads.hpp"
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

constexpr std::int64_t kMostRows = 500;
constexpr std::size_t kUsualRowBytes = 1'024;
constexpr std::int64_t kMostMessages = 1'000;
constexpr std::int64_t kMostReplayed = 1'000;

std::size_t limit_of(const json::object& params, std::int64_t otherwise, std::int64_t most) {
    return std::size_t(std::clamp<std::int64_t>(json::int_at(params, "limit").value_or(otherwise), 1, most));
}

RowOptions row_options(const json::object& params) {
    return {json::bool_at(params, "includeDerivedTitles").value_or(false),
            json::bool_at(params, "includeLastMessage").value_or(false)};
}

json::object defaults_of(const GatewayConfig& config) {
    const bool own = config.model.api.empty();
    return {{"modelProvider", own ? "builtin" : config.model.config.provider},
            {"model", own ? "responder" : config.model.config.model},
            {"contextTokens", config.model.config.context_window}};
}

}  // namespace

Answer sessions_list(MethodCall& call) {
    SessionFilter filter;
    filter.limit = limit_of(call.params, 50, kMostRows);
    filter.offset = std::size_t(std::max<std::int64_t>(0, json::int_at(call.params, "offset").value_or(0)));
    filter.search = json::string_or(call.params, "search");
    const SessionPage page = call.core.store.list(filter);
    const RowOptions options = row_options(call.params);
    const std::size_t end = filter.offset + page.rows.size();
    const bool more = end < page.total;
    Answer answer = Answer::of({
        {"ts", to_millis(call.core.clock.wall())},
        {"path", call.core.store_path},
        {"count", std::int64_t(page.rows.size())},
        {"totalCount", std::int64_t(page.total)},
        {"limitApplied", std::int64_t(filter.limit)},
        {"nextOffset", more ? json::value(std::int64_t(end)) : json::value(nullptr)},
        {"hasMore", more},
        {"owners", json::array()},
        {"defaults", defaults_of(call.core.config)},
    });
    std::string& text = answer.payload;
    text.reserve(text.size() + page.rows.size() * kUsualRowBytes);
    text.back() = ',';
    text += R"("sessions":)";
    char before = '[';
    for (const Session* session : page.rows) {
        text += std::exchange(before, ',');
        append_session_row(text, *session, call.core.runs.active(session->key), options);
    }
    text += page.rows.empty() ? "[]}" : "]}";
    return answer;
}

Answer sessions_describe(MethodCall& call) {
    const Session* session = call.core.store.find(json::string_or(call.params, "key"));
    if (!session) return Answer::of({{"session", nullptr}});
    return Answer::of(
        {{"session", session_row(*session, call.core.runs.active(session->key), row_options(call.params))}});
}

Answer sessions_get(MethodCall& call) {
    auto entries =
        call.core.store.tail(json::string_or(call.params, "key"), limit_of(call.params, 200, kMostMessages), true);
    if (!entries) return Answer::failed(entries.error());
    json::array messages;
    for (const Entry& entry : *entries) messages.push_back(to_wire(entry));
    return Answer::of({{"messages", std::move(messages)}});
}

Answer sessions_subscribe(MethodCall& call) {
    call.caller.subscribed = true;
    return Answer::of({{"subscribed", true}});
}

Answer sessions_unsubscribe(MethodCall& call) {
    call.caller.subscribed = false;
    return Answer::of({{"subscribed", false}});
}

Answer sessions_messages_subscribe(MethodCall& call) {
    const std::string key = full_key(call.core, json::string_or(call.params, "key"));
    if (call.caller.watched.size() >= kMostWatched && !call.caller.watched.contains(key)) {
        return Answer::failed(
            Error(ErrorCode::rate_limited, fmt::format("a connection may watch {} sessions", kMostWatched)));
    }
    call.caller.watched.insert(key);
    return Answer::of({{"subscribed", true}, {"key", key}});
}

Answer sessions_messages_unsubscribe(MethodCall& call) {
    const std::string key = full_key(call.core, json::string_or(call.params, "key"));
    call.caller.watched.erase(key);
    return Answer::of({{"subscribed", false}, {"key", key}});
}

Task<Answer> sessions_delete(MethodCall call) {
    const std::string key = json::string_or(call.params, "key");
    auto removed = co_await call.core.store.remove_session(key);
    if (!removed) co_return Answer::failed(removed.error());
    json::object payload{{"ok", true}, {"key", key}, {"deleted", *removed}, {"archived", json::array()}};
    co_return Answer::of(payload);
}

// One session by its key or id; a person's short "main" counts.
Answer sessions_resolve(MethodCall& call) {
    const std::string wanted = full_key(call.core, json::string_or(call.params, "key"));
    const std::string id = json::string_or(call.params, "sessionId");
    const Session* session = wanted.empty() ? nullptr : call.core.store.find(wanted);
    if (!session && !id.empty()) session = call.core.store.find_by_id(id);
    if (session)
        return Answer::of({{"ok", true},
                           {"key", session->key},
                           {"agentId", session->agent_id},
                           {"displayName", session->display_name}});
    if (json::bool_at(call.params, "allowMissing").value_or(false)) return Answer::of({{"ok", false}});
    return Answer::failed(Error(ErrorCode::not_found, "session not found"));
}

namespace {

// The payload of an event of the log, as it was told when it happened; nothing when its message or approval is gone, or
// is not for this caller.
std::optional<json::object> replayed(MethodCall& call, const LoggedEvent& event) {
    auto reference = json::parse_object(event.payload);
    if (!reference) return std::nullopt;
    Store& store = call.core.store;
    if (event.name == "session.message") {
        const std::string key = json::string_or(*reference, "sessionKey");
        auto entry = store.message(key, json::string_or(*reference, "messageId"));
        const Session* session = store.find(key);
        if (!entry || !*entry || !session) return std::nullopt;
        return session_message_payload(**entry, *session, event.id);
    }
    if (!call.caller.scopes.allows(wire::Scope::approvals)) return std::nullopt;
    if (!event.name.contains(".approval.")) return *std::move(reference);
    const auto record = call.core.approvals.desk().find(approval::ApprovalId(json::string_or(*reference, "id")));
    if (!record) return std::nullopt;
    json::object body = event.name.ends_with(".requested") ? requested_payload(*record) : resolved_payload(*record);
    body["__openclaw"] = json::object{{"eventId", event.id}};
    return body;
}

}  // namespace

// What a bridge missed: events by their durable number. An event that is left out keeps its number.
Answer events_replay(MethodCall& call) {
    const std::int64_t after = std::max<std::int64_t>(0, json::int_at(call.params, "afterEventId").value_or(0));
    auto logged = call.core.store.events_after(after, limit_of(call.params, 200, kMostReplayed));
    if (!logged) return Answer::failed(logged.error());
    json::array events;
    for (const LoggedEvent& event : *logged) {
        if (auto body = replayed(call, event))
            events.push_back(json::object{{"id", event.id}, {"event", event.name}, {"payload", *std::move(body)}});
    }
    const auto [oldest, newest] = call.core.store.event_range();
    return Answer::of({{"events", std::move(events)}, {"oldestId", oldest}, {"newestId", newest}});
}

}  // namespace pincer::gateway
