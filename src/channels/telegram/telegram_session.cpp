#include "channels/telegram/telegram_session.hpp"

#include "base/assert.hpp"

namespace pincer::channels::telegram {

Step Session::next() const {
    switch (state_) {
        case State::greeting: return DoCall{get_me(), kCallTimeout};
        case State::dropping_webhook: return DoCall{delete_webhook(), kCallTimeout};
        case State::polling: return DoCall{get_updates(offset_, kPollTimeout), kPollTimeout + kCallTimeout};
        case State::handling: return DoHandle{updates_.front()};
        case State::saving: return DoSave{offset_};
        case State::pausing: return DoPause{delay_};
        case State::stopped: break;
    }
    return DoStop{*fatal_};
}

void Session::on_reply(const Result<json::value>& reply) {
    PINCER_ASSERT(state_ <= State::polling, "a reply belongs to a call");
    if (!reply) return on_failure(reply.error());
    if (state_ == State::greeting) {
        auto bot = parse_bot(*reply);
        if (!bot) return on_failure(bot.error());
        bot_ = *std::move(bot);
    } else if (state_ == State::polling) {
        auto updates = parse_updates(*reply, bot_, account_);
        if (!updates) return on_failure(updates.error());
        updates_.assign(std::move_iterator(updates->begin()), std::move_iterator(updates->end()));
    }
    backoff_.reset();
    link_ = LinkState::connected;
    detail_.clear();
    state_ = updates_.empty() ? State::polling : State::handling;
}

void Session::on_handled(const Result<>& handled) {
    PINCER_ASSERT(state_ == State::handling, "an update was handed out");
    if (!handled) {
        detail_ = "the inbox does not take messages: " + handled.error().message();
        link_ = LinkState::failing;
        return pause(backoff_.next(), State::handling);
    }
    backoff_.reset();
    link_ = LinkState::connected;
    detail_.clear();
    offset_ = updates_.front().id + 1;
    updates_.pop_front();
    if (updates_.empty()) state_ = State::saving;
}

void Session::on_saved() {
    PINCER_ASSERT(state_ == State::saving, "a position was to be saved");
    state_ = State::polling;
}

void Session::on_paused() {
    PINCER_ASSERT(state_ == State::pausing, "a pause was asked for");
    state_ = after_pause_;
}

void Session::on_failure(const Error& error) {
    link_ = LinkState::failing;
    detail_ = error.message();
    switch (error.code()) {
        case ErrorCode::unauthenticated:
            detail_ = "Telegram does not know this bot token";
            fatal_ = Error(ErrorCode::unauthenticated, detail_).with_reason(error.reason());
            state_ = State::stopped;
            return;
        case ErrorCode::conflict:
            if (error.reason() == "WEBHOOK_ACTIVE") {
                return pause(backoff_.next(), State::dropping_webhook);
            }
            detail_ = "another process polls with this bot token";
            return pause(backoff_.next(), state_);
        case ErrorCode::rate_limited:
            detail_ = "Telegram asked us to wait";
            return pause(error.retry_after().value_or(kDefaultRetryAfter), state_);
        case ErrorCode::timed_out: link_ = LinkState::connecting; break;
        default: break;
    }
    pause(backoff_.next(), state_);
}

void Session::pause(Millis delay, State after) {
    delay_ = delay;
    after_pause_ = after;
    state_ = State::pausing;
}

}  // namespace pincer::channels::telegram
