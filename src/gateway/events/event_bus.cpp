#include "gateway/events/event_bus.hpp"

#include <vector>

namespace pincer::gateway {

EventBus::Subscription& EventBus::Subscription::operator=(Subscription&& other) noexcept {
    std::swap(bus_, other.bus_);
    std::swap(id_, other.id_);
    return *this;
}

EventBus::Subscription::~Subscription() {
    if (bus_) bus_->listeners_.erase(id_);
}

EventBus::Subscription EventBus::subscribe(Listener listener) {
    const std::uint64_t id = next_id_++;
    listeners_.emplace(id, std::move(listener));
    return Subscription(*this, id);
}

void EventBus::publish(const Event& event) {
    // A listener may subscribe or unsubscribe others while it is told, so walk by key.
    for (auto at = listeners_.begin(); at != listeners_.end();) {
        const std::uint64_t id = at->first;
        at->second(event);
        at = listeners_.upper_bound(id);
    }
}

}  // namespace pincer::gateway
