#include "gateway/testing/manual_pauses.hpp"

#include <algorithm>
#include <tuple>

namespace pincer::gateway::testing {

Task<Result<>> ManualPauses::pause(Millis duration) {
    asked.push_back(duration);
    const auto event = std::make_shared<io::Event>(runtime_);
    sleepers_.push_back({now_ + duration, ++order_, event});
    auto waited = co_await event->wait();
    sleepers_.remove_if([&](const Sleeper& s) { return s.event == event; });
    co_return waited;
}

void ManualPauses::advance(Millis by) {
    now_ += by;
    std::vector<Sleeper> due;
    for (const Sleeper& s : sleepers_) {
        if (s.due <= now_) due.push_back(s);
    }
    std::sort(due.begin(), due.end(),
              [](const Sleeper& a, const Sleeper& b) { return std::tie(a.due, a.order) < std::tie(b.due, b.order); });
    for (const Sleeper& s : due) s.event->set();
}

}  // namespace pincer::gateway::testing
