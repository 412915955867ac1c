#include "gateway/store/entry_codec.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::gateway {
namespace {

RunState run_state(std::string_view name) {
    for (RunState state :
         {RunState::queued, RunState::running, RunState::waiting, RunState::finished, RunState::aborted}) {
        if (name_of(state) == name) return state;
    }
    return RunState::failed;
}

DeliveryState delivery_state(std::string_view name) {
    for (DeliveryState state : {DeliveryState::queued, DeliveryState::sending, DeliveryState::sent}) {
        if (name_of(state) == name) return state;
    }
    return DeliveryState::failed;
}

json::object entry_body(const Entry& entry) {
    json::object body = agent::to_json(entry.message);
    if (!entry.sender.empty()) body["sender"] = entry.sender;
    if (entry.sender_is_owner) body["senderIsOwner"] = true;
    return body;
}

constexpr std::size_t kTitleBytes = 80;
constexpr std::size_t kPreviewBytes = 160;

std::string one_line(std::string_view text, std::size_t bytes) {
    std::string line = strip_control(text);
    std::replace(line.begin(), line.end(), '\n', ' ');
    return truncate_utf8(trim(line), bytes);
}

}  // namespace

Session session_from(const storage::Row& row) {
    Session s;
    s.key = row.text(0);
    s.session_id = row.text(1);
    s.agent_id = row.text(2);
    s.kind = row.view(3) == "group" ? SessionKind::group : SessionKind::direct;
    s.route = {row.text(4), row.text(5), row.text(6), row.text(7)};
    s.display_name = row.text(8);
    s.title = row.text(9);
    s.preview = row.text(10);
    s.created_at = from_millis(row.integer(11));
    s.updated_at = from_millis(row.integer(12));
    s.last_seq = row.integer(13);
    return s;
}

Run run_from(const storage::Row& row) {
    Run run;
    run.id = row.text(0);
    run.session_key = row.text(1);
    run.principal = row.text(2);
    run.principal_display = row.text(3);
    if (auto route = json::parse_object(row.view(4))) run.reply_to = route_from_json(*route);
    run.state = run_state(row.view(5));
    run.created_at = from_millis(row.integer(6));
    run.error = row.text(7);
    return run;
}

Entry entry_from(const storage::Row& row) {
    Entry entry;
    entry.session_key = row.text(0);
    entry.seq = row.integer(1);
    entry.id = row.text(2);
    entry.run_id = row.text(3);
    entry.visible = row.integer(4) != 0;
    if (auto body = json::parse_object(row.view(5))) {
        entry.sender = json::string_or(*body, "sender");
        entry.sender_is_owner = json::bool_at(*body, "senderIsOwner").value_or(false);
        if (auto message = agent::message_from_json(*body)) entry.message = *std::move(message);
    }
    return entry;
}

Delivery delivery_from(const storage::Row& row) {
    Delivery d;
    d.ordinal = row.integer(0);
    d.purpose = row.text(2);
    d.subject = row.text(3);
    if (auto body = json::parse_object(row.view(8))) {
        if (auto out = outgoing_from_json(*body)) d.out = *std::move(out);
    }
    d.out.delivery_id = row.text(1);
    d.out.route = {row.text(4), row.text(5), row.text(6), row.text(7)};
    d.state = delivery_state(row.view(9));
    d.attempts = int(row.integer(10));
    if (auto refs = json::parse(row.view(11)); refs && refs->is_array()) {
        for (const auto& ref : refs->get_array()) {
            if (ref.is_string()) d.refs.emplace_back(ref.get_string());
        }
    }
    d.error = row.text(12);
    d.created_at = from_millis(row.integer(13));
    return d;
}

Result<Session> read_session(storage::Connection& c, const std::string& key) {
    std::optional<Session> found;
    PINCER_CHECK(c.query(fmt::format("SELECT {} FROM sessions WHERE key = ?", kSessionColumns), {key},
                         [&](const storage::Row& row) {
                             found = session_from(row);
                             return false;
                         }));
    if (!found) return PINCER_FAIL(not_found, "no session \"{}\"", key);
    return *std::move(found);
}

Result<> ensure_session(storage::Connection& c, const Session& s, std::int64_t now) {
    PINCER_CHECK(
        c.execute("INSERT INTO sessions (key, session_id, agent_id, kind, channel, account_id, recipient, thread_id, "
                  "display_name, created_at, updated_at) "
                  "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                  {s.key, s.session_id, s.agent_id, std::string(s.kind == SessionKind::group ? "group" : "direct"),
                   s.route.channel, s.route.account_id, s.route.to, s.route.thread_id, s.display_name, now, now}));
    return {};
}

Result<> upsert_session(storage::Connection& c, const Session& s, std::int64_t now) {
    PINCER_CHECK(ensure_session(c, s, now));
    PINCER_CHECK(
        c.execute("UPDATE sessions SET channel = ?, account_id = ?, recipient = ?, thread_id = ?, "
                  "display_name = CASE ? WHEN '' THEN display_name ELSE ? END, updated_at = ? WHERE key = ?",
                  {s.route.channel, s.route.account_id, s.route.to, s.route.thread_id, s.display_name, s.display_name,
                   now, s.key}));
    return {};
}

Result<Entry> insert_entry(storage::Connection& c, Entry entry, std::int64_t now) {
    PINCER_TRY(const Session session, read_session(c, entry.session_key));
    entry.seq = session.last_seq + 1;
    if (entry.message.timestamp_ms == 0) entry.message.timestamp_ms = now;
    const std::string role = entry.message.role == agent::Role::user   ? "user"
                             : entry.message.role == agent::Role::tool ? "tool"
                                                                       : "assistant";
    PINCER_CHECK(c.execute(
        "INSERT INTO messages (session_key, seq, id, run_id, role, visible, at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        {entry.session_key, entry.seq, entry.id, entry.run_id, role, std::int64_t(entry.visible), now,
         json::write(entry_body(entry))}));
    const bool titles = entry.visible && session.title.empty() && entry.message.role == agent::Role::user;
    PINCER_CHECK(
        c.execute("UPDATE sessions SET last_seq = ?, updated_at = ?, title = ?, preview = ? WHERE key = ?",
                  {entry.seq, now, titles ? one_line(entry.message.text, kTitleBytes) : session.title,
                   entry.visible ? one_line(entry.message.text, kPreviewBytes) : session.preview, entry.session_key}));
    if (entry.visible) {
        const json::object reference{{"sessionKey", entry.session_key}, {"messageId", entry.id}};
        PINCER_TRY(entry.event_id, insert_event(c, "session.message", json::write(reference), now));
    }
    return entry;
}

Result<std::int64_t> insert_event(storage::Connection& c, const std::string& name, const std::string& payload,
                                  std::int64_t now) {
    PINCER_CHECK(c.execute("INSERT INTO events (name, payload, at) VALUES (?, ?, ?)", {name, payload, now}));
    return c.last_insert_id();
}

Result<> insert_delivery(storage::Connection& c, const Delivery& d, std::int64_t now) {
    PINCER_CHECK(
        c.execute("INSERT INTO deliveries (id, purpose, subject, channel, account_id, recipient, thread_id, body, "
                  "state, created_at, updated_at) "
                  "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
                  {d.out.delivery_id, d.purpose, d.subject, d.out.route.channel, d.out.route.account_id, d.out.route.to,
                   d.out.route.thread_id, json::write(outgoing_to_json(d.out)), now, now}));
    return {};
}

Result<> update_run(storage::Connection& c, const std::string& id, RunState state, const std::string& error,
                    std::int64_t now) {
    PINCER_TRY(const auto changed, c.execute("UPDATE runs SET state = ?, error = ?, updated_at = ? WHERE id = ?",
                                             {std::string(name_of(state)), error, now, id}));
    if (changed == 0) return PINCER_FAIL(not_found, "no run \"{}\"", id);
    return {};
}

}  // namespace pincer::gateway
