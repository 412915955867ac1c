#include "channels/outbound.hpp"

#include <algorithm>

namespace pincer::channels {

Result<> Outbound::ready(const std::string& target, SteadyTime now) const {
    auto until = now;
    for (const auto& key : {target, std::string()}) {
        if (const auto found = not_before_.find(key); found != not_before_.end())
            until = std::max(until, found->second);
    }
    if (until <= now) return {};
    const auto left = std::chrono::ceil<Millis>(until - now);
    return Failure(Error(ErrorCode::rate_limited, "the platform asked us to wait another " + format_duration(left))
                       .with_retry_after(left));
}

void Outbound::hold(const std::string& target, Millis delay, SteadyTime now) {
    std::erase_if(not_before_, [now](const auto& entry) { return entry.second <= now; });
    auto& until = not_before_[target];
    until = std::max(until, now + delay);
}

Outbound::Progress& Outbound::progress(const std::string& delivery_id) {
    const auto found = unfinished_.find(delivery_id);
    if (found != unfinished_.end()) return found->second;
    if (unfinished_.size() >= kMaxUnfinished) {
        unfinished_.erase(
            std::ranges::min_element(unfinished_, {}, [](const auto& entry) { return entry.second.age; }));
    }
    auto& fresh = unfinished_[delivery_id];
    fresh.age = next_age_++;
    return fresh;
}

const std::vector<std::string>& Outbound::sent(const std::string& delivery_id) { return progress(delivery_id).refs; }

void Outbound::record(const std::string& delivery_id, std::string message_ref) {
    progress(delivery_id).refs.push_back(std::move(message_ref));
}

void Outbound::restore(const std::string& delivery_id, std::vector<std::string> message_refs) {
    progress(delivery_id).refs = std::move(message_refs);
}

std::vector<std::string> Outbound::finish(const std::string& delivery_id) {
    auto node = unfinished_.extract(delivery_id);
    return node.empty() ? std::vector<std::string>() : std::move(node.mapped().refs);
}

}  // namespace pincer::channels
