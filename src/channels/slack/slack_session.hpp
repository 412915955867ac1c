// Socket Mode as a state machine without sockets: it says what to do next, and is told how it went.
//
//     auth.test -> apps.connections.open -> connect -> hello -> frame -> the Inbox -> acknowledged -> frame ...
//
// An envelope is acknowledged only when the Inbox has answered; one that is not, Slack tells again.
#pragma once

#include "channels/backoff.hpp"
#include "channels/slack/slack_wire.hpp"

namespace pincer::channels::slack {

inline constexpr Millis kCallTimeout{15'000};
inline constexpr Millis kHelloTimeout{10'000};
inline constexpr Millis kSteadyAfter{60'000};  // a connection that held so long was a good one: no wait before the next

struct DoCall {
    Call call;
};
struct DoConnect {
    std::string url;  // holds a ticket: not for logs
};
struct DoReceive {
    bool hello;  // within kHelloTimeout; otherwise as long as it takes
};
struct DoHandle {
    Inbound content;  // a message or an action
};
struct DoAcknowledge {
    std::string text;
};
struct DoPause {
    Millis delay;
};
struct DoStop {
    Error error;
};
using Step = std::variant<DoCall, DoConnect, DoReceive, DoHandle, DoAcknowledge, DoPause, DoStop>;

class Session {
public:
    Session(std::string account, const Clock& clock, crypto::Random& random)
        : account_(std::move(account)), clock_(clock), backoff_(random) {}

    Step next() const;
    void on_reply(const Result<json::object>& reply);  // DoCall
    void on_connected(const Result<>& connected);      // DoConnect
    void on_text(const Result<std::string>& text);     // DoReceive; a failure means that the connection is gone
    void on_handled(const Result<>& handled);          // DoHandle
    void on_acknowledged(const Result<>& sent);        // DoAcknowledge
    void on_paused();                                  // DoPause

    const Self& self() const { return self_; }
    LinkState link() const { return link_; }
    const std::string& detail() const { return detail_; }

private:
    enum class State {
        identifying,
        opening,
        connecting,
        greeting,
        receiving,
        handling,
        acknowledging,
        pausing,
        stopped
    };
    void on_frame(Frame frame);
    void on_failure(const Error& error, State again);
    void reconnect(std::string why);
    void pause(Millis delay, State after);

    std::string account_;
    const Clock& clock_;
    Backoff backoff_;
    Self self_;
    State state_ = State::identifying;
    State after_pause_ = State::identifying;
    Millis delay_{};
    std::string url_;
    Envelope envelope_;
    SteadyTime connected_at_{};
    LinkState link_ = LinkState::connecting;
    std::string detail_;
    std::optional<Error> fatal_;
};

}  // namespace pincer::channels::slack
