// How long one request is waited for, and which of the limits it was that ended the waiting. Pure: time is handed in.
#pragma once

#include <algorithm>
#include <string>

#include "io/deadline.hpp"
#include "mcp/client.hpp"

namespace pincer::mcp {

struct Limit {
    SteadyTime at;
    std::string_view name;  // "connect", "request", "idle", "total", "deadline"
    Millis allowed;         // what it was set to; for the message
};

class Patience {
public:
    Patience(const Timeouts& timeouts, Deadline caller, SteadyTime now)
        : timeouts_(timeouts), caller_(caller), started_(now), last_sign_(now) {}

    // While connecting only this limit counts; `probe` is the same for a single question.
    static Patience connecting(Millis left, SteadyTime now) {
        Patience patience({.request = left, .idle = left, .total = left}, Deadline::never(), now);
        patience.connecting_ = true;
        return patience;
    }

    void sign(SteadyTime now) {
        last_sign_ = now;
        signs_ = true;
    }

    Limit next() const {
        Limit soonest =
            signs_ ? Limit{last_sign_ + timeouts_.idle, "idle", timeouts_.idle}
                   : Limit{started_ + timeouts_.request, connecting_ ? "connect" : "request", timeouts_.request};
        if (const SteadyTime at = started_ + timeouts_.total; at < soonest.at)
            soonest = {at, connecting_ ? "connect" : "total", timeouts_.total};
        if (!caller_.is_never() && caller_.at() < soonest.at) {
            const auto allowed = std::chrono::ceil<Millis>(caller_.at() - started_);
            soonest = {caller_.at(), "deadline", std::max(allowed, Millis(0))};
        }
        return soonest;
    }

private:
    Timeouts timeouts_;
    Deadline caller_;
    SteadyTime started_;
    SteadyTime last_sign_;
    bool signs_ = false;
    bool connecting_ = false;
};

}  // namespace pincer::mcp
