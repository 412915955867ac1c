#include "channels/link.hpp"

namespace pincer::channels {

void Link::start() {
    running_ = true;
    ended_.reset();
    set(LinkState::connecting);
}

void Link::set(LinkState state, std::string detail) {
    if (state != LinkState::connected)
        health_.connected_since.reset();
    else if (!health_.connected_since)
        health_.connected_since = clock_.wall();
    health_.state = state;
    health_.detail = std::move(detail);
}

void Link::saw_event() { health_.last_event = clock_.wall(); }

void Link::stop(const Error& why) {
    running_ = false;
    if (why.code() == ErrorCode::cancelled) return set(LinkState::stopped);
    ended_ = why;
    set(LinkState::failing, why.message());
}

Result<> Link::may_send() const {
    if (running_) return {};
    if (ended_) return Failure(*ended_);
    return PINCER_FAIL(unavailable, "the channel is stopped");
}

}  // namespace pincer::channels
