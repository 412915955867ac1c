// Store: messages in, runs, what a run writes.
#include <algorithm>

#include "gateway/store/entry_codec.hpp"
#include "gateway/store/store.hpp"

namespace pincer::gateway {
namespace {

bool is_live(RunState state) {
    return state == RunState::queued || state == RunState::running || state == RunState::waiting;
}

// True when the event was new. Ids too old to come again make room, a few with each new one.
Result<bool> insert_event_id(storage::Connection& c, const std::string& channel, const std::string& account,
                             const std::string& id, std::int64_t now) {
    PINCER_CHECK(
        c.execute("DELETE FROM inbound_events WHERE (channel, account_id, event_id) IN "
                  "(SELECT channel, account_id, event_id FROM inbound_events WHERE at < ? ORDER BY at LIMIT 4)",
                  {now - kEventIdLife.count()}));
    PINCER_TRY(
        const auto added,
        c.execute(
            "INSERT INTO inbound_events (channel, account_id, event_id, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            {channel, account, id, now}));
    return added > 0;
}

struct Taken {
    Accepted accepted;
    Session session;
    Run run;
};

Result<Taken> take_arrival(storage::Connection& c, const Arrival& a, const std::string& entry_id, std::int64_t now) {
    Taken taken;
    PINCER_TRY(const bool fresh, insert_event_id(c, a.channel, a.account_id, a.event_id, now));
    if (!fresh) {
        taken.accepted.duplicate = true;
        return taken;
    }
    PINCER_CHECK(a.moves_session ? upsert_session(c, a.session, now) : ensure_session(c, a.session, now));
    Entry entry;
    entry.session_key = a.session.key;
    entry.id = entry_id;
    entry.run_id = a.run_id;
    entry.sender_is_owner = a.sender_is_owner;
    entry.sender = a.principal;
    entry.message.role = agent::Role::user;
    entry.message.text = a.text;
    PINCER_TRY(taken.accepted.entry, insert_entry(c, std::move(entry), now));
    PINCER_CHECK(c.execute(
        "INSERT INTO runs (id, session_key, principal, principal_display, reply_to, state, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, 'queued', ?, ?)",
        {a.run_id, a.session.key, a.principal, a.principal_display, json::write(route_to_json(a.reply_to)), now, now}));
    taken.run = {a.run_id,   a.session.key,    a.principal,      a.principal_display,
                 a.reply_to, RunState::queued, from_millis(now), ""};
    PINCER_TRY(taken.session, read_session(c, a.session.key));
    return taken;
}

}  // namespace

Task<Result<Accepted>> Store::accept(Arrival arrival) {
    const std::int64_t now = to_millis(clock_.wall());
    if (arrival.session.session_id.empty()) arrival.session.session_id = random_.uuid();
    const std::string entry_id = random_.uuid();
    std::function<Result<Taken>(storage::Connection&)> work = [arrival, entry_id, now](storage::Connection& c) {
        return take_arrival(c, arrival, entry_id, now);
    };
    PINCER_CO_TRY(Taken taken, co_await db_.write_returning(std::move(work)));
    if (!taken.accepted.duplicate) {
        remember(taken.session);
        live_runs_.insert_or_assign(taken.run.id, taken.run);
        note_event(taken.accepted.entry.event_id);
    }
    co_return std::move(taken.accepted);
}

bool Store::seen(const std::string& channel, const std::string& account, const std::string& event_id) const {
    bool known = false;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query("SELECT 1 FROM inbound_events WHERE channel = ? AND account_id = ? AND event_id = ?",
                       {channel, account, event_id}, [&](const storage::Row&) { return !(known = true); });
    });
    return done && known;
}

Task<Result<bool>> Store::remember_event(std::string channel, std::string account, std::string event_id) {
    const std::int64_t now = to_millis(clock_.wall());
    std::function<Result<bool>(storage::Connection&)> work = [=](storage::Connection& c) {
        return insert_event_id(c, channel, account, event_id, now);
    };
    co_return co_await db_.write_returning(std::move(work));
}

std::optional<std::string> Store::cursor(const std::string& channel, const std::string& account) const {
    std::optional<std::string> position;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query("SELECT position FROM channel_cursors WHERE channel = ? AND account_id = ?", {channel, account},
                       [&](const storage::Row& row) {
                           position = row.text(0);
                           return false;
                       });
    });
    return done ? position : std::nullopt;
}

Task<Result<>> Store::save_cursor(std::string channel, std::string account, std::string position) {
    std::function<Result<>(storage::Connection&)> work = [=](storage::Connection& c) -> Result<> {
        PINCER_CHECK(
            c.execute("INSERT INTO channel_cursors (channel, account_id, position) VALUES (?, ?, ?) "
                      "ON CONFLICT (channel, account_id) DO UPDATE SET position = excluded.position",
                      {channel, account, position}));
        return {};
    };
    co_return co_await db_.write(std::move(work));
}

Result<std::vector<Run>> Store::open_runs() const {
    std::vector<Run> runs;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(
            fmt::format(
                "SELECT {} FROM runs AS r WHERE state IN ('queued', 'running', 'waiting') ORDER BY session_key, "
                "(SELECT min(seq) FROM messages AS m WHERE m.run_id = r.id AND m.session_key = r.session_key)",
                kRunColumns),
            {}, [&](const storage::Row& row) {
                runs.push_back(run_from(row));
                return true;
            });
    }));
    return runs;
}

std::optional<Run> Store::find_run(std::string_view id) const {
    if (const auto live = live_runs_.find(id); live != live_runs_.end()) return live->second;
    std::optional<Run> found;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query(fmt::format("SELECT {} FROM runs WHERE id = ?", kRunColumns), {std::string(id)},
                       [&](const storage::Row& row) {
                           found = run_from(row);
                           return false;
                       });
    });
    return done ? found : std::nullopt;
}

Task<Result<>> Store::set_run_state(std::string run_id, RunState state, std::string error) {
    const std::int64_t now = to_millis(clock_.wall());
    std::function<Result<>(storage::Connection&)> work = [=](storage::Connection& c) {
        return update_run(c, run_id, state, error, now);
    };
    PINCER_CO_CHECK(co_await db_.write(std::move(work)));
    if (const auto live = live_runs_.find(run_id); live != live_runs_.end()) {
        live->second.state = state;
        if (!is_live(state)) live_runs_.erase(live);
    }
    co_return Result<>{};
}

namespace {
struct Written {
    Entry entry;
    Session session;
};
}  // namespace

Task<Result<Entry>> Store::write_entry(Entry entry, std::optional<Delivery> delivery, std::optional<RunState> run_end) {
    const std::int64_t now = to_millis(clock_.wall());
    entry.id = random_.uuid();
    std::function<Result<Written>(storage::Connection&)> work = [entry, delivery, run_end,
                                                                 now](storage::Connection& c) -> Result<Written> {
        Written written;
        PINCER_TRY(written.entry, insert_entry(c, entry, now));
        if (delivery) PINCER_CHECK(insert_delivery(c, *delivery, now));
        if (run_end) PINCER_CHECK(update_run(c, entry.run_id, *run_end, "", now));
        PINCER_TRY(written.session, read_session(c, entry.session_key));
        return written;
    };
    PINCER_CO_TRY(Written written, co_await db_.write_returning(std::move(work)));
    remember(written.session);
    if (run_end && !is_live(*run_end)) live_runs_.erase(written.entry.run_id);
    if (written.entry.event_id) note_event(written.entry.event_id);
    co_return std::move(written.entry);
}

Task<Result<Entry>> Store::append(std::string session_key, std::string run_id, agent::Message message, bool visible) {
    Entry entry;
    entry.session_key = std::move(session_key);
    entry.run_id = std::move(run_id);
    entry.visible = visible;
    entry.message = std::move(message);
    return write_entry(std::move(entry), std::nullopt, std::nullopt);
}

Task<Result<Entry>> Store::append_answer(std::string session_key, std::string run_id, agent::Message message,
                                         std::optional<Delivery> delivery, RunState end) {
    Entry entry;
    entry.session_key = std::move(session_key);
    entry.run_id = std::move(run_id);
    entry.message = std::move(message);
    return write_entry(std::move(entry), std::move(delivery), end);
}

Task<Result<Said>> Store::say(std::string account, std::string idempotency_key, std::string session_key,
                              agent::Message message, std::optional<Delivery> delivery) {
    struct Done {
        Said said;
        std::optional<Session> session;
    };
    const std::int64_t now = to_millis(clock_.wall());
    Entry entry;
    entry.session_key = std::move(session_key);
    entry.id = random_.uuid();
    entry.message = std::move(message);
    std::function<Result<Done>(storage::Connection&)> work = [=](storage::Connection& c) -> Result<Done> {
        Done done;
        PINCER_TRY(const bool fresh, insert_event_id(c, "send", account, idempotency_key, now));
        done.said.duplicate = !fresh;
        if (!fresh) return done;
        if (delivery) PINCER_CHECK(insert_delivery(c, *delivery, now));
        if (entry.session_key.empty()) return done;
        PINCER_TRY(done.said.entry, insert_entry(c, entry, now));
        PINCER_TRY(done.session, read_session(c, entry.session_key));
        return done;
    };
    PINCER_CO_TRY(Done done, co_await db_.write_returning(std::move(work)));
    if (done.session) remember(*done.session);
    if (done.said.entry) note_event(done.said.entry->event_id);
    co_return std::move(done.said);
}

Task<Result<bool>> Store::mark_call_begun(std::string run_id, std::string call_id, std::string tool) {
    const std::int64_t now = to_millis(clock_.wall());
    std::function<Result<bool>(storage::Connection&)> work = [=](storage::Connection& c) -> Result<bool> {
        PINCER_TRY(
            const auto added,
            c.execute("INSERT INTO begun_calls (run_id, call_id, tool, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                      {run_id, call_id, tool, now}));
        return added > 0;
    };
    co_return co_await db_.write_returning(std::move(work));
}

Result<std::vector<BegunCall>> Store::unsettled_calls(const Run& run) const {
    PINCER_TRY(const std::vector<Entry> entries, entries_of(run));
    std::vector<BegunCall> calls;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query("SELECT call_id, tool FROM begun_calls WHERE run_id = ? ORDER BY at, call_id", {run.id},
                       [&](const storage::Row& row) {
                           const auto answers_it = [&](const Entry& entry) {
                               return entry.message.tool_call_id == row.view(0);
                           };
                           if (std::none_of(entries.begin(), entries.end(), answers_it))
                               calls.push_back({row.text(0), row.text(1)});
                           return true;
                       });
    }));
    return calls;
}

std::optional<std::string> Store::approval_of_call(std::string_view run_id, std::string_view call_id) const {
    std::optional<std::string> found;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query("SELECT approval_id FROM gated_calls WHERE run_id = ? AND call_id = ?",
                       {std::string(run_id), std::string(call_id)}, [&](const storage::Row& row) {
                           found = row.text(0);
                           return false;
                       });
    });
    return done ? found : std::nullopt;
}

Task<Result<>> Store::remember_gate(std::string run_id, std::string call_id, std::string approval_id) {
    std::function<Result<>(storage::Connection&)> work = [=](storage::Connection& c) -> Result<> {
        PINCER_CHECK(
            c.execute("INSERT INTO gated_calls (run_id, call_id, approval_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                      {run_id, call_id, approval_id}));
        return {};
    };
    co_return co_await db_.write(std::move(work));
}

}  // namespace pincer::gateway
