// Time comes in as an object, so that a test owns it (testing/fake_clock.hpp).
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"

namespace pincer {

using Millis = std::chrono::milliseconds;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Millis>;  // when: for people and records
using SteadyTime =
    std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;  // how long: for deadlines

class Clock {
public:
    virtual ~Clock() = default;
    virtual WallTime wall() const = 0;
    virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
public:
    WallTime wall() const override;
    SteadyTime steady() const override;
};

inline std::int64_t to_millis(WallTime t) { return t.time_since_epoch().count(); }
inline WallTime from_millis(std::int64_t ms) { return WallTime(Millis(ms)); }

// RFC 3339 in UTC: "2026-11-21T22:05:09Z" (seconds) or "...09.123Z" (milliseconds).
std::string to_rfc3339(WallTime t);
std::string to_rfc3339_millis(WallTime t);
// Accepts any RFC 3339 offset and fraction (Kubernetes writes up to nanoseconds); finer than 1 ms is cut off.
Result<WallTime> parse_rfc3339(std::string_view text);

// "90s", "15m", "1h", "1h30m", "2d": units d h m s ms, no sign, at most 10 years. As Go and kubectl write it, plus
// days.
Result<Millis> parse_duration(std::string_view text);
// Largest two units: "2d3h", "10m5s", "42s", "350ms".
std::string format_duration(Millis duration);

}  // namespace pincer
