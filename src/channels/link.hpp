// Where a channel stands: what its health shows, and whether anything may leave.
#pragma once

#include "channels/channel.hpp"

namespace pincer::channels {

class Link {
public:
    explicit Link(const Clock& clock) : clock_(clock) {}

    void start();  // run() begins
    void set(LinkState state, std::string detail = "");
    void saw_event();
    void stop(const Error& why);  // run() ends; from now on nothing is sent
    // Ok while run() is running; else `unavailable`, or the error that ended it (a bad token).
    Result<> may_send() const;
    const Health& health() const { return health_; }

private:
    const Clock& clock_;
    Health health_;
    bool running_ = false;
    std::optional<Error> ended_;
};

}  // namespace pincer::channels
