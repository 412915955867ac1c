// Sessions, messages and runs as they go over the wire (reference: captured frames of OpenClaw 2026.9).
#pragma once

#include <set>
#include <string>

#include "gateway/store/store.hpp"

namespace pincer::gateway {

struct RowOptions {
    bool derived_title = false;
    bool last_message = false;
};

// A row of sessions.list; `active_runs` are the ids of runs at work in it.
json::object session_row(const Session& session, const std::vector<std::string>& active_runs, RowOptions options);
// The same as text. Clients list again and again while few sessions change, so a session keeps what of it lasts.
void append_session_row(std::string& out, const Session& session, const std::vector<std::string>& active_runs,
                        RowOptions options);

// session.message: the message, where it stands and the session it belongs to.
json::object session_message_payload(const Entry& entry, const Session& session, std::int64_t event_id);
json::object sessions_changed_payload(const Session& session, std::string_view reason, WallTime now);

// chat {state: status|delta|final|error|aborted} and agent {stream: ...} of one run; `seq` counts within the run.
struct RunEventContext {
    std::string run_id;
    std::string session_key;
    std::string agent_id;
    std::int64_t seq = 0;
};
json::object chat_status(const RunEventContext& run, std::string_view phase);
json::object chat_delta(const RunEventContext& run, std::string_view delta, std::string_view text_so_far, WallTime now);
json::object chat_final(const RunEventContext& run, const Entry& entry);
json::object chat_error(const RunEventContext& run, std::string_view message);
json::object chat_aborted(const RunEventContext& run);
json::object agent_event(const RunEventContext& run, std::string_view stream, json::object data, WallTime now);

}  // namespace pincer::gateway
