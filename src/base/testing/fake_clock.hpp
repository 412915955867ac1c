// A clock that stands still until a test moves it. Both times move together.
#pragma once

#include "base/clock.hpp"

namespace pincer::testing {

class FakeClock final : public Clock {
public:
    explicit FakeClock(WallTime start = from_millis(1'800'000'000'000)) : wall_(start) {}

    WallTime wall() const override { return wall_; }
    SteadyTime steady() const override { return steady_; }
    void advance(Millis by) {
        wall_ += by;
        steady_ += by;
    }
    // Somebody set the clock, forward or back; no time has passed.
    void set_wall_by(Millis by) { wall_ += by; }

private:
    WallTime wall_;
    SteadyTime steady_{std::chrono::hours(1)};
};

}  // namespace pincer::testing
