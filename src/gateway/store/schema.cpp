#include "gateway/store/schema.hpp"

#include <array>

#include <fmt/format.h>

#include "approval/approval.hpp"
#include "gateway/store/store.hpp"

namespace pincer::gateway {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE sessions (
  key TEXT PRIMARY KEY, session_id TEXT NOT NULL, agent_id TEXT NOT NULL, kind TEXT NOT NULL,
  channel TEXT NOT NULL, account_id TEXT NOT NULL, recipient TEXT NOT NULL, thread_id TEXT NOT NULL,
  display_name TEXT NOT NULL, title TEXT NOT NULL DEFAULT '', preview TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, last_seq INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

-- One row a message, in the order of the conversation. `visible` is 0 for tool traffic, which people do not read.
CREATE TABLE messages (
  session_key TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, run_id TEXT NOT NULL, role TEXT NOT NULL,
  visible INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (session_key, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (id);
CREATE INDEX messages_by_run ON messages (run_id);

-- What a platform has told us, so that it is done once however often it is said.
CREATE TABLE inbound_events (
  channel TEXT NOT NULL, account_id TEXT NOT NULL, event_id TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (channel, account_id, event_id)) WITHOUT ROWID;
CREATE INDEX inbound_by_time ON inbound_events (at);
CREATE TABLE channel_cursors (
  channel TEXT NOT NULL, account_id TEXT NOT NULL, position TEXT NOT NULL, PRIMARY KEY (channel, account_id)) WITHOUT ROWID;

-- state: queued, running, waiting (for a person), finished, aborted, failed.
CREATE TABLE runs (
  id TEXT PRIMARY KEY, session_key TEXT NOT NULL, principal TEXT NOT NULL, principal_display TEXT NOT NULL,
  reply_to TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  error TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX runs_open ON runs (session_key) WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX runs_by_session ON runs (session_key);
-- Calls that may change something, marked before they are made.
CREATE TABLE begun_calls (
  run_id TEXT NOT NULL, call_id TEXT NOT NULL, tool TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (run_id, call_id)) WITHOUT ROWID;
CREATE TABLE gated_calls (
  run_id TEXT NOT NULL, call_id TEXT NOT NULL, approval_id TEXT NOT NULL, PRIMARY KEY (run_id, call_id)) WITHOUT ROWID;

-- state: queued, sending (left for the platform, no answer yet), sent, failed.
CREATE TABLE deliveries (
  ordinal INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, purpose TEXT NOT NULL, subject TEXT NOT NULL DEFAULT '',
  channel TEXT NOT NULL, account_id TEXT NOT NULL, recipient TEXT NOT NULL, thread_id TEXT NOT NULL,
  body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, refs TEXT NOT NULL DEFAULT '[]',
  error TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE INDEX deliveries_open ON deliveries (ordinal) WHERE state IN ('queued', 'sending');
CREATE INDEX deliveries_by_subject ON deliveries (subject) WHERE subject <> '';
CREATE INDEX deliveries_cards ON deliveries (purpose) WHERE purpose = 'approval';

CREATE TABLE pairing_requests (
  channel TEXT NOT NULL, account_id TEXT NOT NULL, sender_id TEXT NOT NULL, display TEXT NOT NULL, code TEXT NOT NULL,
  expires_at INTEGER NOT NULL, PRIMARY KEY (channel, account_id, sender_id)) WITHOUT ROWID;
CREATE TABLE paired_senders (
  channel TEXT NOT NULL, account_id TEXT NOT NULL, sender_id TEXT NOT NULL, display TEXT NOT NULL, at INTEGER NOT NULL,
  approved_by TEXT NOT NULL, PRIMARY KEY (channel, account_id, sender_id)) WITHOUT ROWID;

CREATE TABLE devices (
  device_id TEXT PRIMARY KEY, public_key TEXT NOT NULL, token_digest TEXT NOT NULL, role TEXT NOT NULL, scopes TEXT NOT NULL,
  platform TEXT NOT NULL, family TEXT NOT NULL, display TEXT NOT NULL, paired_at INTEGER NOT NULL, revoked_at INTEGER) WITHOUT ROWID;

-- What bridges may ask for again after a restart. Bounded: the oldest go.
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, payload TEXT NOT NULL, at INTEGER NOT NULL);
)sql";

// Requests and decisions are events of the log in the very transaction that makes them, by reference: {"id"}. Whoever
// writes an event, the log is trimmed here.
const std::string& approval_events() {
    static const std::string sql = fmt::format(R"sql(
CREATE TRIGGER approval_is_requested AFTER INSERT ON approval_request BEGIN
  INSERT INTO events (name, payload, at) VALUES (
    CASE WHEN NEW.id LIKE 'plugin:%' THEN 'plugin' ELSE 'exec' END || '.approval.requested', '{{"id":"' || NEW.id || '"}}', NEW.created_at);
END;
CREATE TRIGGER approval_is_resolved AFTER UPDATE OF status ON approval_request WHEN OLD.status = 'pending' AND NEW.status <> 'pending' BEGIN
  INSERT INTO events (name, payload, at) VALUES (
    CASE WHEN NEW.id LIKE 'plugin:%' THEN 'plugin' ELSE 'exec' END || '.approval.resolved', '{{"id":"' || NEW.id || '"}}', coalesce(NEW.decided_at, NEW.expires_at));
END;
CREATE TRIGGER events_are_trimmed AFTER INSERT ON events WHEN NEW.id % 256 = 0 BEGIN
  DELETE FROM events WHERE id <= NEW.id - {};
END;
)sql",
                                               kKeptEvents);
    return sql;
}

}  // namespace

std::span<const storage::Migration> migrations() {
    static const std::array kMigrations{storage::Migration{1, kFirst}, storage::Migration{2, approval::kDeskTableSql},
                                        storage::Migration{3, approval_events()}};
    return kMigrations;
}

}  // namespace pincer::gateway
