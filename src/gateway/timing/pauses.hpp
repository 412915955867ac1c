// How the Gateway waits for time to pass (retries, expiry, the tick). Comes in as an object, so that a test and the
// simulation own it: testing/manual_pauses.hpp.
#pragma once

#include "base/clock.hpp"
#include "io/runtime.hpp"

namespace pincer::gateway {

class Pauses {
public:
    virtual ~Pauses() = default;
    // Error: cancelled.
    virtual Task<Result<>> pause(Millis duration) = 0;
};

class RealPauses final : public Pauses {
public:
    Task<Result<>> pause(Millis duration) override { return io::sleep_for(duration); }
};

}  // namespace pincer::gateway
