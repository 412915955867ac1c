// Long polling as a state machine without sockets or clocks: it says what to do next, and is told how it went.
//
//     getMe -> getUpdates(offset) -> each update to the Inbox -> the offset saved -> getUpdates(offset) ...
//
// The offset that the next getUpdates carries is what acknowledges updates to Telegram, so it moves only when the Inbox
// has answered.
#pragma once

#include <deque>
#include <variant>

#include "channels/backoff.hpp"
#include "channels/telegram/telegram_wire.hpp"

namespace pincer::channels::telegram {

inline constexpr Millis kPollTimeout{30'000};
inline constexpr Millis kCallTimeout{15'000};

struct DoCall {
    Call call;
    Millis timeout;  // for the whole exchange
};
struct DoHandle {
    Update update;
};
struct DoSave {
    std::int64_t offset;
};
struct DoPause {
    Millis delay;
};
struct DoStop {
    Error error;  // it cannot work at all
};
using Step = std::variant<DoCall, DoHandle, DoSave, DoPause, DoStop>;

class Session {
public:
    Session(std::string account, std::int64_t offset, crypto::Random& random)
        : account_(std::move(account)), offset_(offset), backoff_(random) {}

    // What to do now. The same step is given until it was answered by the verb that belongs to it.
    Step next() const;
    void on_reply(const Result<json::value>& reply);  // DoCall
    void on_handled(const Result<>& handled);         // DoHandle; a failure hands the same update out again, later
    void on_saved();   // DoSave; also when saving failed: what is on disk is known by its id
    void on_paused();  // DoPause

    const Bot& bot() const { return bot_; }
    LinkState link() const { return link_; }
    const std::string& detail() const { return detail_; }  // why it is failing

private:
    enum class State { greeting, dropping_webhook, polling, handling, saving, pausing, stopped };
    void on_failure(const Error& error);
    void pause(Millis delay, State after);

    std::string account_;
    std::int64_t offset_;
    Bot bot_;
    State state_ = State::greeting;
    State after_pause_ = State::greeting;
    Millis delay_{};
    std::deque<Update> updates_;
    Backoff backoff_;
    LinkState link_ = LinkState::connecting;
    std::string detail_;
    std::optional<Error> fatal_;
};

}  // namespace pincer::channels::telegram
