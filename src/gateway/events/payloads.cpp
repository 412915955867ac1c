#include "gateway/events/payloads.hpp"

namespace pincer::gateway {
namespace {

json::object run_envelope(const RunEventContext& run) {
    return {{"runId", run.run_id}, {"sessionKey", run.session_key}, {"agentId", run.agent_id}, {"seq", run.seq}};
}

json::object assistant_message(std::string_view text, std::int64_t at) {
    return {{"role", "assistant"},
            {"content", json::array{json::object{{"type", "text"}, {"text", text}}}},
            {"timestamp", at}};
}

void put_last_route(json::object& o, const channels::Route& route) {
    if (route.channel.empty()) return;
    o["lastChannel"] = route.channel;
    o["lastTo"] = route.to;
    if (!route.account_id.empty()) o["lastAccountId"] = route.account_id;
    if (!route.thread_id.empty()) o["lastThreadId"] = route.thread_id;
}

std::string shown_name(const Session& session) {
    if (!session.display_name.empty()) return session.display_name;
    return session.title.empty() ? session.key : session.title;
}

// All of a row that changes only with the session.
json::object lasting_row(const Session& s, RowOptions options) {
    const bool group = s.kind == SessionKind::group;
    json::object row{
        {"key", s.key},
        {"visibility", "shared"},
        {"kind", group ? "group" : "direct"},
        {"classification", s.is_main() ? "main"
                           : group     ? "group"
                                       : "direct"},
        {"agentId", s.agent_id},
        {"isMain", s.is_main()},
        {"isBackground", false},
        {"displayName", shown_name(s)},
    };
    if (options.derived_title) row["derivedTitle"] = s.title.empty() ? shown_name(s) : s.title;
    if (options.last_message && !s.preview.empty()) row["lastMessagePreview"] = s.preview;
    if (!s.route.channel.empty()) {
        row["channel"] = s.route.channel;
        json::object origin{{"provider", s.route.channel}, {"to", s.route.to}};
        if (!s.route.account_id.empty()) origin["accountId"] = s.route.account_id;
        if (!s.route.thread_id.empty()) origin["threadId"] = s.route.thread_id;
        row["origin"] = std::move(origin);
        row["deliveryContext"] = route_to_json(s.route);
        put_last_route(row, s.route);
    }
    row["updatedAt"] = to_millis(s.updated_at);
    row["archived"] = false;
    row["pinned"] = false;
    row["unread"] = false;
    row["sessionId"] = s.session_id;
    row["sharingRole"] = "owner";
    return row;
}

json::array to_json(const std::vector<std::string>& texts) {
    json::array out;
    for (const std::string& text : texts) out.push_back(json::value(text));
    return out;
}

}  // namespace

json::object session_row(const Session& s, const std::vector<std::string>& active_runs, RowOptions options) {
    json::object row = lasting_row(s, options);
    row["hasActiveRun"] = !active_runs.empty();
    row["activeRunIds"] = to_json(active_runs);
    return row;
}

void append_session_row(std::string& out, const Session& s, const std::vector<std::string>& active_runs,
                        RowOptions options) {
    const std::size_t choice = std::size_t(options.derived_title) + 2 * std::size_t(options.last_message);
    std::string_view lasting = s.rows[choice].get([&] { return json::write(lasting_row(s, options)); });
    lasting.remove_suffix(1);
    out += lasting;
    if (active_runs.empty()) {
        out += R"(,"hasActiveRun":false,"activeRunIds":[]})";
    } else {
        out += R"(,"hasActiveRun":true,"activeRunIds":)";
        out += json::write(to_json(active_runs));
        out += '}';
    }
}

json::object session_message_payload(const Entry& entry, const Session& session, std::int64_t event_id) {
    json::object o{{"sessionKey", entry.session_key}, {"agentId", session.agent_id}};
    if (entry.message.role == agent::Role::user) o["senderIsOwner"] = entry.sender_is_owner;
    o["message"] = to_wire(entry);
    o["messageId"] = entry.id;
    o["messageSeq"] = entry.seq;
    o["session"] = session_row(session, {}, {true, true});
    put_last_route(o, session.route);
    if (event_id) o["__openclaw"] = json::object{{"eventId", event_id}};
    return o;
}

json::object sessions_changed_payload(const Session& session, std::string_view reason, WallTime now) {
    return {{"sessionKey", session.key},
            {"agentId", session.agent_id},
            {"reason", reason},
            {"ts", to_millis(now)},
            {"session", session_row(session, {}, {true, true})}};
}

json::object chat_status(const RunEventContext& run, std::string_view phase) {
    json::object o = run_envelope(run);
    o["state"] = "status";
    o["phase"] = phase;
    return o;
}

json::object chat_delta(const RunEventContext& run, std::string_view delta, std::string_view text_so_far,
                        WallTime now) {
    json::object o = run_envelope(run);
    o["state"] = "delta";
    o["deltaText"] = delta;
    o["message"] = assistant_message(text_so_far, to_millis(now));
    return o;
}

json::object chat_final(const RunEventContext& run, const Entry& entry) {
    json::object o = run_envelope(run);
    o["state"] = "final";
    o["message"] = to_wire(entry);
    return o;
}

json::object chat_error(const RunEventContext& run, std::string_view message) {
    json::object o = run_envelope(run);
    o["state"] = "error";
    o["errorMessage"] = message;
    return o;
}

json::object chat_aborted(const RunEventContext& run) {
    json::object o = run_envelope(run);
    o["state"] = "aborted";
    return o;
}

json::object agent_event(const RunEventContext& run, std::string_view stream, json::object data, WallTime now) {
    json::object o = run_envelope(run);
    o["stream"] = stream;
    o["data"] = std::move(data);
    o["ts"] = to_millis(now);
    o["isHeartbeat"] = false;
    return o;
}

}  // namespace pincer::gateway
