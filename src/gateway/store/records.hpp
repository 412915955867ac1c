// What the Gateway remembers, as plain values.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/model.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "channels/channel.hpp"

namespace pincer::gateway {

enum class SessionKind { direct, group };

// Text made from a record and kept beside it. A copy starts without: what is about to be changed has no text yet.
class KeptText {
public:
    KeptText() = default;
    KeptText(const KeptText&) {}
    KeptText& operator=(const KeptText&) {
        text_.clear();
        return *this;
    }
    template <class Make>
    const std::string& get(Make make) const {
        if (text_.empty()) text_ = make();
        return text_;
    }

private:
    mutable std::string text_;
};

// One conversation. A session whose route is not complete is never shown over MCP (doctor says why).
struct Session {
    std::string key;  // "agent:main:slack:direct:T1.U2:thread:1700000000.1"
    std::string session_id;
    std::string agent_id = "main";
    SessionKind kind = SessionKind::direct;
    channels::Route route;
    std::string display_name;
    std::string title;    // from the first question
    std::string preview;  // of the last message that people read
    WallTime created_at{};
    WallTime updated_at{};
    std::int64_t last_seq = 0;
    KeptText rows[4];  // of sessions.list, one for each choice of its options (events/payloads.cpp)
    bool is_main() const { return key == "agent:" + agent_id + ":main"; }
};

// A message of a transcript.
struct Entry {
    std::string session_key;
    std::int64_t seq = 0;  // from 1, without gaps
    std::string id;
    std::string run_id;
    bool visible = true;  // people read it: the question, the answer; not tool traffic
    bool sender_is_owner = false;
    std::string sender;         // principal id of a user's message
    std::int64_t event_id = 0;  // of its session.message in the event log; 0: not visible, or read back
    agent::Message message;
};

enum class RunState { queued, running, waiting, finished, aborted, failed };
std::string_view name_of(RunState state);

struct Run {
    std::string id;
    std::string session_key;
    std::string principal;
    std::string principal_display;
    channels::Route reply_to;  // where the answer goes, as it was when the question came; incomplete or webchat: only
                               // into the transcript
    RunState state = RunState::queued;
    bool live() const { return state == RunState::queued || state == RunState::running || state == RunState::waiting; }
    bool answers_in_channel() const { return reply_to.complete() && reply_to.channel != "webchat"; }
    WallTime created_at{};
    std::string error;
};

enum class DeliveryState { queued, sending, sent, failed };
std::string_view name_of(DeliveryState state);

struct Delivery {
    std::int64_t ordinal = 0;
    std::string purpose;     // "answer", "approval", "approval-outcome", "pairing", "send"
    std::string subject;     // run id, approval id, or ""
    channels::Outgoing out;  // out.delivery_id is the key
    DeliveryState state = DeliveryState::queued;
    int attempts = 0;
    std::vector<std::string> refs;
    std::string error;
    WallTime created_at{};
};

// Wire forms.
json::object to_wire(const Entry& entry);                  // a message as sessions.get gives it
json::object route_to_json(const channels::Route& route);  // {channel,to,accountId,threadId?}
channels::Route route_from_json(const json::object& o);
json::object outgoing_to_json(const channels::Outgoing& out);  // as the queue keeps it
Result<channels::Outgoing> outgoing_from_json(const json::object& o);

}  // namespace pincer::gateway
