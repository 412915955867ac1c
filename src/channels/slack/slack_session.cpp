#include "channels/slack/slack_session.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"

namespace pincer::channels::slack {

Step Session::next() const {
    switch (state_) {
        case State::identifying: return DoCall{auth_test()};
        case State::opening: return DoCall{open_connection()};
        case State::connecting: return DoConnect{url_};
        case State::greeting: return DoReceive{.hello = true};
        case State::receiving: return DoReceive{.hello = false};
        case State::handling: return DoHandle{envelope_.content};
        case State::acknowledging: return DoAcknowledge{acknowledgement(envelope_.id)};
        case State::pausing: return DoPause{delay_};
        case State::stopped: break;
    }
    return DoStop{*fatal_};
}

void Session::on_reply(const Result<json::object>& reply) {
    PINCER_ASSERT(state_ == State::identifying || state_ == State::opening, "a reply belongs to a call");
    if (!reply) return on_failure(reply.error(), state_);
    if (state_ == State::identifying) {
        auto self = parse_self(*reply);
        if (!self) return on_failure(self.error(), state_);
        self_ = *std::move(self);
        state_ = State::opening;
        return;
    }
    auto url = parse_connection(*reply);
    if (!url) return on_failure(url.error(), state_);
    url_ = *std::move(url);
    state_ = State::connecting;
}

void Session::on_connected(const Result<>& connected) {
    PINCER_ASSERT(state_ == State::connecting, "a connection was asked for");
    url_.clear();  // a ticket is good for one connection
    if (!connected) return on_failure(connected.error(), State::opening);
    state_ = State::greeting;
}

void Session::on_text(const Result<std::string>& text) {
    PINCER_ASSERT(state_ == State::greeting || state_ == State::receiving, "a frame was waited for");
    if (!text) return reconnect(text.error().message());
    auto frame = parse_frame(*text, self_, account_);
    if (!frame) return log::failure(log::Level::warn, "slack.frame_ignored", frame.error());
    on_frame(*std::move(frame));
}

void Session::on_frame(Frame frame) {
    if (auto* bye = std::get_if<Disconnect>(&frame)) {
        // "warning" comes some seconds before the connection ends: leave at once, and nothing is in flight when it
        // does.
        return reconnect("Slack asked us to connect again: " + bye->reason);
    }
    if (std::holds_alternative<Hello>(frame)) {
        if (state_ == State::receiving) return;
        state_ = State::receiving;
        connected_at_ = clock_.steady();
        link_ = LinkState::connected;
        detail_.clear();
        return;
    }
    envelope_ = std::get<Envelope>(std::move(frame));
    const bool silent = std::holds_alternative<Ignored>(envelope_.content);
    if (silent)
        log::debug("slack.ignored", {{"account", account_}, {"why", std::get<Ignored>(envelope_.content).reason}});
    state_ = silent ? State::acknowledging : State::handling;
}

void Session::on_handled(const Result<>& handled) {
    PINCER_ASSERT(state_ == State::handling, "an event was handed out");
    if (handled) {
        link_ = LinkState::connected;
        detail_.clear();
        state_ = State::acknowledging;
        return;
    }
    // Not acknowledged, so Slack tells it again. The connection itself is well.
    link_ = LinkState::failing;
    detail_ = "the inbox does not take messages: " + handled.error().message();
    state_ = State::receiving;
}

void Session::on_acknowledged(const Result<>& sent) {
    PINCER_ASSERT(state_ == State::acknowledging, "an acknowledgement was due");
    if (!sent) return reconnect(sent.error().message());  // told again on the next connection, and known by its id
    state_ = State::receiving;
}

void Session::on_paused() {
    PINCER_ASSERT(state_ == State::pausing, "a pause was asked for");
    state_ = after_pause_;
}

void Session::reconnect(std::string why) {
    const bool steady = state_ != State::greeting && clock_.steady() - connected_at_ >= kSteadyAfter;
    link_ = LinkState::connecting;
    detail_ = std::move(why);
    if (!steady) return pause(backoff_.next(), State::opening);
    backoff_.reset();
    state_ = State::opening;
}

void Session::on_failure(const Error& error, State again) {
    link_ = LinkState::failing;
    detail_ = error.message();
    if (error.code() == ErrorCode::unauthenticated || error.code() == ErrorCode::forbidden) {
        fatal_ = error;
        state_ = State::stopped;
        return;
    }
    pause(error.retry_after().value_or(backoff_.next()), again);
}

void Session::pause(Millis delay, State after) {
    delay_ = delay;
    after_pause_ = after;
    state_ = State::pausing;
}

}  // namespace pincer::channels::slack
