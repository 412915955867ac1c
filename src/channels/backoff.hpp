// How long to wait before the next try: 1 s, 2 s, 4 s ... 60 s, each somewhere between half and all of it, so that many
// gateways do not come back at the same moment.
#pragma once

#include <algorithm>

#include "base/clock.hpp"
#include "crypto/random.hpp"

namespace pincer::channels {

class Backoff {
public:
    static constexpr Millis kFirst{1'000};
    static constexpr Millis kMax{60'000};

    explicit Backoff(crypto::Random& random) : random_(random) {}

    Millis next() {
        const auto step = std::min(kFirst * (1u << std::min(failures_, 10u)), kMax);
        ++failures_;
        return step / 2 + Millis(random_.below(std::uint64_t(step.count() / 2 + 1)));
    }
    void reset() { failures_ = 0; }

private:
    crypto::Random& random_;
    unsigned failures_ = 0;
};

}  // namespace pincer::channels
