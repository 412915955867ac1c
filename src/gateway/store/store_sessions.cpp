// Store: opening, sessions, transcripts.
#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "gateway/store/conversation.hpp"
#include "gateway/store/entry_codec.hpp"
#include "gateway/store/store.hpp"

namespace pincer::gateway {
namespace {

bool matches(const Session& session, const SessionFilter& filter, const std::string& needle) {
    if (!filter.channel.empty() && session.route.channel != filter.channel) return false;
    if (needle.empty()) return true;
    const auto holds = [&](const std::string& text) { return to_lower(text).find(needle) != std::string::npos; };
    return holds(session.key) || holds(session.display_name) || holds(session.title);
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(storage::Database& db, const Clock& clock, crypto::Random& random) {
    std::unique_ptr<Store> store(new Store(db, clock, random));
    PINCER_CHECK(store->load());
    return store;
}

Result<> Store::load() {
    return db_.read([this](storage::Connection& c) -> Result<> {
        PINCER_CHECK(
            c.query(fmt::format("SELECT {} FROM sessions", kSessionColumns), {}, [this](const storage::Row& row) {
                remember(session_from(row));
                return true;
            }));
        PINCER_CHECK(
            c.query("SELECT channel, account_id, sender_id FROM paired_senders", {}, [this](const storage::Row& row) {
                paired_[{row.text(0), row.text(1)}].push_back(row.text(2));
                return true;
            }));
        PINCER_CHECK(c.query("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM events", {},
                             [this](const storage::Row& row) {
                                 oldest_event_ = row.integer(0);
                                 newest_event_ = row.integer(1);
                                 return false;
                             }));
        return c.query(fmt::format("SELECT {} FROM runs WHERE state IN ('queued', 'running', 'waiting')", kRunColumns),
                       {}, [this](const storage::Row& row) {
                           Run run = run_from(row);
                           live_runs_.insert_or_assign(run.id, run);
                           return true;
                       });
    });
}

Session& Store::remember(const Session& session) {
    auto [at, fresh] = sessions_.try_emplace(session.key, session);
    if (!fresh) {
        by_update_.erase(&at->second);  // before it changes: the order is by what it holds
        at->second = session;
    }
    by_update_.insert(&at->second);
    return at->second;
}

SessionPage Store::list(const SessionFilter& filter) const {
    SessionPage page;
    const std::string needle = to_lower(filter.search);
    if (needle.empty() && filter.channel.empty()) {
        page.total = sessions_.size();
        auto at = by_update_.begin();
        for (std::size_t skipped = 0; at != by_update_.end() && skipped < filter.offset; ++skipped) ++at;
        for (; at != by_update_.end() && page.rows.size() < filter.limit; ++at) page.rows.push_back(*at);
        return page;
    }
    for (const Session* session : by_update_) {
        if (!matches(*session, filter, needle)) continue;
        if (page.total++ >= filter.offset && page.rows.size() < filter.limit) page.rows.push_back(session);
    }
    return page;
}

const Session* Store::find(std::string_view key) const {
    const auto at = sessions_.find(key);
    return at == sessions_.end() ? nullptr : &at->second;
}

const Session* Store::find_by_id(std::string_view session_id) const {
    for (const auto& [key, session] : sessions_) {
        if (session.session_id == session_id) return &session;
    }
    return nullptr;
}

Task<Result<bool>> Store::remove_session(std::string key) {
    std::function<Result<bool>(storage::Connection&)> work = [key](storage::Connection& c) -> Result<bool> {
        bool busy = false;
        PINCER_CHECK(c.query("SELECT 1 FROM runs WHERE session_key = ? AND state IN ('queued', 'running', 'waiting')",
                             {key}, [&](const storage::Row&) { return !(busy = true); }));
        if (busy) return PINCER_FAIL(conflict, "the session has a run at work; abort it first");
        for (const char* sql :
             {"DELETE FROM begun_calls WHERE run_id IN (SELECT id FROM runs WHERE session_key = ?)",
              "DELETE FROM gated_calls WHERE run_id IN (SELECT id FROM runs WHERE session_key = ?)",
              "DELETE FROM runs WHERE session_key = ?", "DELETE FROM messages WHERE session_key = ?"}) {
            PINCER_CHECK(c.execute(sql, {key}));
        }
        PINCER_TRY(const auto removed, c.execute("DELETE FROM sessions WHERE key = ?", {key}));
        return removed > 0;
    };
    PINCER_CO_TRY(const bool removed, co_await db_.write_returning(std::move(work)));
    if (const auto at = sessions_.find(key); at != sessions_.end()) {
        by_update_.erase(&at->second);
        sessions_.erase(at);
    }
    co_return removed;
}

Result<std::vector<Entry>> Store::tail(std::string_view session_key, std::size_t limit, bool visible_only) const {
    std::vector<Entry> entries;
    const std::string_view sql = visible_only ? "SELECT session_key, seq, id, run_id, visible, body FROM messages "
                                                "WHERE session_key = ? AND visible = 1 ORDER BY seq DESC LIMIT ?"
                                              : "SELECT session_key, seq, id, run_id, visible, body FROM messages "
                                                "WHERE session_key = ? ORDER BY seq DESC LIMIT ?";
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(sql, {std::string(session_key), std::int64_t(limit)}, [&](const storage::Row& row) {
            entries.push_back(entry_from(row));
            return true;
        });
    }));
    std::reverse(entries.begin(), entries.end());
    return entries;
}

Result<std::optional<Entry>> Store::message(std::string_view session_key, std::string_view id) const {
    std::optional<Entry> found;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(
            "SELECT session_key, seq, id, run_id, visible, body FROM messages WHERE id = ? AND session_key = ?",
            {std::string(id), std::string(session_key)}, [&](const storage::Row& row) {
                found = entry_from(row);
                return false;
            });
    }));
    return found;
}

Result<std::vector<Entry>> Store::entries_of(const Run& run) const {
    std::vector<Entry> entries;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(
            "SELECT session_key, seq, id, run_id, visible, body FROM messages WHERE run_id = ? AND session_key = ? "
            "ORDER BY seq",
            {run.id, run.session_key}, [&](const storage::Row& row) {
                entries.push_back(entry_from(row));
                return true;
            });
    }));
    return entries;
}

// A run's own entries are read by its id: however much was said while it waited, its question is still there.
Result<std::vector<agent::Message>> Store::conversation_for(const Run& run, std::size_t limit) const {
    PINCER_TRY(std::vector<Entry> others, tail(run.session_key, limit, false));
    std::erase_if(others,
                  [&](const Entry& entry) { return entry.run_id == run.id || live_runs_.contains(entry.run_id); });
    std::vector<agent::Message> messages = whole_turns(std::move(others));
    PINCER_TRY(std::vector<Entry> own, entries_of(run));
    for (Entry& entry : own) messages.push_back(std::move(entry.message));
    return messages;
}

}  // namespace pincer::gateway
