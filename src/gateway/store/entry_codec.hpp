// Rows to records and back, shared by the parts of Store. Private to the folder.
#pragma once

#include "gateway/store/store.hpp"

namespace pincer::gateway {

inline constexpr std::string_view kSessionColumns =
    "key, session_id, agent_id, kind, channel, account_id, recipient, thread_id, display_name, title, preview, "
    "created_at, updated_at, last_seq";
Session session_from(const storage::Row& row);
inline constexpr std::string_view kRunColumns =
    "id, session_key, principal, principal_display, reply_to, state, created_at, error";
Run run_from(const storage::Row& row);
Entry entry_from(const storage::Row& row);  // session_key, seq, id, run_id, visible, body
Delivery delivery_from(const storage::Row& row);
inline constexpr std::string_view kDeliveryColumns =
    "ordinal, id, purpose, subject, channel, account_id, recipient, thread_id, body, state, attempts, refs, error, "
    "created_at";

Result<Session> read_session(storage::Connection& c, const std::string& key);
// Creates it, or gives the one that is there the new route and name; `now` becomes updated_at.
Result<> upsert_session(storage::Connection& c, const Session& session, std::int64_t now);
// Creates it when it is not there, and leaves it alone when it is.
Result<> ensure_session(storage::Connection& c, const Session& session, std::int64_t now);
// Gives the entry its seq, writes it, and moves the session's title, preview and time along.
Result<Entry> insert_entry(storage::Connection& c, Entry entry, std::int64_t now);
// Appends to the event log (and trims it); the id.
Result<std::int64_t> insert_event(storage::Connection& c, const std::string& name, const std::string& payload,
                                  std::int64_t now);
Result<> insert_delivery(storage::Connection& c, const Delivery& delivery, std::int64_t now);
Result<> update_run(storage::Connection& c, const std::string& id, RunState state, const std::string& error,
                    std::int64_t now);

}  // namespace pincer::gateway
