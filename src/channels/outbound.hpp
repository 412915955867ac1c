// What a channel remembers between two calls of send(): who asked us to wait, and which parts of a message are out.
// Sans-IO: the waiting is the caller's (the Gateway's delivery queue), which gets rate_limited and comes back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pincer::channels {

class Outbound {
public:
    // Ok, or rate_limited with what is left of the wait. A target is a chat; "" is the whole account.
    Result<> ready(const std::string& target, SteadyTime now) const;
    // The platform said: nothing more to this target for so long.
    void hold(const std::string& target, Millis delay, SteadyTime now);

    // The parts of a delivery that arrived, in order. Kept for the last kMaxUnfinished unfinished deliveries.
    const std::vector<std::string>& sent(const std::string& delivery_id);
    void record(const std::string& delivery_id, std::string message_ref);
    std::vector<std::string> finish(const std::string& delivery_id);
    void restore(const std::string& delivery_id, std::vector<std::string> message_refs);

    static constexpr std::size_t kMaxUnfinished = 256;

private:
    struct Progress {
        std::uint64_t age = 0;
        std::vector<std::string> refs;
    };
    Progress& progress(const std::string& delivery_id);

    std::map<std::string, SteadyTime> not_before_;
    std::map<std::string, Progress> unfinished_;
    std::uint64_t next_age_ = 0;
};

}  // namespace pincer::channels
