// The Gateway's memory: sessions in memory and on disk, transcripts, runs, deliveries, pairings, the event log.
// Every Task here has committed when it answers; every plain function reads memory or an index and is quick.
//
// The methods are shaped like the things that must happen together: accepting a message writes the event id (so that it
// is never accepted twice), the transcript and the run in one transaction; an answer writes the transcript, the
// delivery and the end of the run in one. A crash therefore leaves either all of it or none.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/random.hpp"
#include "gateway/store/records.hpp"
#include "storage/database.hpp"

namespace pincer::gateway {

struct SessionFilter {
    std::size_t limit = 50;
    std::size_t offset = 0;
    std::string search;  // in key, name, title; without case
    std::string channel;
};

struct NewestFirst {
    bool operator()(const Session* a, const Session* b) const {
        return a->updated_at != b->updated_at ? a->updated_at > b->updated_at : a->key < b->key;
    }
};

struct SessionPage {
    std::vector<const Session*> rows;  // newest first; valid until the next await
    std::size_t total = 0;
};

// A user's message on its way in.
struct Accepted {
    bool duplicate = false;  // known already: nothing was written
    Entry entry;             // the question, when it was not
};

struct Arrival {
    // De-duplication: (channel, account, event id), or chat.send's idempotency key with channel "chat.send".
    std::string channel;
    std::string account_id;
    std::string event_id;
    Session session;   // key, route, kind, display name: created when it is new
    std::string text;  // for the agent
    std::string run_id;
    std::string principal;
    std::string principal_display;
    bool sender_is_owner = false;
    channels::Route reply_to;   // where the answer is delivered; incomplete or webchat: nowhere but the transcript
    bool moves_session = true;  // the session's route becomes the arrival's; false: only a new session takes it
};

struct BegunCall {
    std::string id;
    std::string tool;
};

// What we said on our own, outside of any run.
struct Said {
    bool duplicate = false;  // said before under this key: nothing was written
    std::optional<Entry> entry;
};

struct LoggedEvent {
    std::int64_t id = 0;
    std::string name;
    std::string payload;  // JSON text
};

struct PairingRequest {
    std::string channel, account_id, sender_id, display, code;
    WallTime expires_at{};
};

class Store {
public:
    static Result<std::unique_ptr<Store>> open(storage::Database& db, const Clock& clock, crypto::Random& random);

    // Sessions
    SessionPage list(const SessionFilter& filter) const;
    // Valid until the session is removed: look again after an await.
    const Session* find(std::string_view key) const;
    const Session* find_by_id(std::string_view session_id) const;
    std::size_t session_count() const { return sessions_.size(); }
    // With its transcript and its runs; false when there was none. Error: conflict while one of its runs is open.
    Task<Result<bool>> remove_session(std::string key);

    // Transcripts
    Result<std::vector<Entry>> tail(std::string_view session_key, std::size_t limit, bool visible_only) const;
    Result<std::optional<Entry>> message(std::string_view session_key, std::string_view id) const;
    // Everything a run wrote so far, its question first.
    Result<std::vector<Entry>> entries_of(const Run& run) const;
    // Everything a run may see: the newest `limit` entries of the conversation in whole turns, without other runs'
    // unfinished work, and all of its own.
    Result<std::vector<agent::Message>> conversation_for(const Run& run, std::size_t limit) const;

    // Messages in, and the run that each starts
    Task<Result<Accepted>> accept(Arrival arrival);
    bool seen(const std::string& channel, const std::string& account, const std::string& event_id) const;
    Task<Result<bool>> remember_event(std::string channel, std::string account, std::string event_id);  // false: known
    std::optional<std::string> cursor(const std::string& channel, const std::string& account) const;
    Task<Result<>> save_cursor(std::string channel, std::string account, std::string position);

    // Runs
    Result<std::vector<Run>> open_runs() const;  // those of one session in the order of their questions
    std::optional<Run> find_run(std::string_view id) const;
    Task<Result<>> set_run_state(std::string run_id, RunState state, std::string error = "");
    // One entry of a run's transcript (tool traffic, an injected note).
    Task<Result<Entry>> append(std::string session_key, std::string run_id, agent::Message message, bool visible);
    // The last entry of a run with what must happen with it: the delivery (if any) and the end of the run.
    Task<Result<Entry>> append_answer(std::string session_key, std::string run_id, agent::Message message,
                                      std::optional<Delivery> delivery, RunState end);
    // A note without a run: once for each key of an account, with its delivery. `session_key` "": into no transcript.
    Task<Result<Said>> say(std::string account, std::string idempotency_key, std::string session_key,
                           agent::Message message, std::optional<Delivery> delivery);
    Task<Result<bool>> mark_call_begun(std::string run_id, std::string call_id,
                                       std::string tool);  // false: it was marked before
    // Calls that were begun and whose result was never written: {id, tool}.
    Result<std::vector<BegunCall>> unsettled_calls(const Run& run) const;
    std::optional<std::string> approval_of_call(std::string_view run_id, std::string_view call_id) const;
    Task<Result<>> remember_gate(std::string run_id, std::string call_id, std::string approval_id);

    // Deliveries
    Task<Result<Delivery>> enqueue(Delivery delivery);
    Result<std::vector<Delivery>> open_deliveries() const;  // in order
    Result<std::vector<Delivery>> deliveries_of(std::string_view subject) const;
    Result<std::vector<Delivery>> cards_without_outcome()
        const;  // approval cards that arrived and were never rewritten
    Task<Result<>> set_delivery(std::string id, DeliveryState state, int attempts, std::vector<std::string> refs,
                                std::string error);

    // Pairing
    std::vector<std::string> paired(const std::string& channel, const std::string& account) const;
    std::vector<PairingRequest> pairing_requests(const std::string& channel) const;  // not expired
    // Reuses a pending code of the same sender, until it expires. rate_limited once kMaxPendingPairings wait.
    Task<Result<PairingRequest>> request_pairing(std::string channel, std::string account, std::string sender_id,
                                                 std::string display);
    // Codes are taken in either case. Errors: not_found, expired.
    Task<Result<PairingRequest>> approve_pairing(std::string channel, std::string code, std::string approved_by);

    // The durable event log, which bridges read again after a restart. Visible entries log a reference
    // {"sessionKey","messageId"} under "session.message" by themselves, approvals {"id"} under their events' names;
    // everything else its whole payload.
    Task<Result<std::int64_t>> log_event(std::string name, std::string payload);
    Result<std::vector<LoggedEvent>> events_after(std::int64_t id, std::size_t limit) const;
    // The number of what was logged in the transaction of an approval; 0 when it is not among the newest.
    std::int64_t approval_event(const std::string& name, const std::string& approval_id);
    std::pair<std::int64_t, std::int64_t> event_range() const { return {oldest_event_, newest_event_}; }  // 0,0: none

    const Clock& clock() const { return clock_; }

private:
    Store(storage::Database& db, const Clock& clock, crypto::Random& random)
        : db_(db), clock_(clock), random_(random) {}
    Result<> load();
    Session& remember(const Session& session);
    void note_event(std::int64_t id);
    Task<Result<Entry>> write_entry(Entry entry, std::optional<Delivery> delivery, std::optional<RunState> run_end);

    storage::Database& db_;
    const Clock& clock_;
    crypto::Random& random_;
    std::map<std::string, Session, std::less<>> sessions_;
    std::set<const Session*, NewestFirst> by_update_;    // into sessions_
    std::map<std::string, Run, std::less<>> live_runs_;  // queued, running, waiting
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> paired_;
    std::int64_t oldest_event_ = 0;
    std::int64_t newest_event_ = 0;
};

// Events older than the newest this many are dropped from the log.
inline constexpr std::int64_t kKeptEvents = 20'000;
// No platform says an event again after this long, and no client retries.
inline constexpr Millis kEventIdLife{30LL * 24 * 60 * 60 * 1000};

}  // namespace pincer::gateway
