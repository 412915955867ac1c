// An absolute moment on the steady clock by which something must have happened. Passed down the call tree: whoever
// waits uses what is left of it, and a deadline that has passed fails at once.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace pincer::io {

class Deadline {
public:
    // A duration of a century or more (Millis::max()) means never.
    static Deadline after(Millis duration) {
        if (duration >= std::chrono::years(100)) return never();
        return Deadline(std::chrono::steady_clock::now() + duration);
    }
    static Deadline never() { return Deadline(SteadyTime::max()); }
    explicit Deadline(SteadyTime at) : at_(at) {}

    SteadyTime at() const { return at_; }
    bool is_never() const { return at_ == SteadyTime::max(); }
    bool passed() const { return !is_never() && std::chrono::steady_clock::now() >= at_; }
    Millis left() const {
        if (is_never()) return Millis::max();
        const auto rest = std::chrono::ceil<Millis>(at_ - std::chrono::steady_clock::now());
        return std::max(rest, Millis(0));
    }
    // The earlier of this and a local limit: `co_await read(deadline.at_most(kReadTimeout))`.
    Deadline at_most(Millis duration) const { return Deadline(std::min(at_, after(duration).at_)); }

private:
    SteadyTime at_;
};

}  // namespace pincer::io

namespace pincer {
using io::Deadline;
}
