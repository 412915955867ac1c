// What happens, told to whoever listens (connections, the web page, tests). In order, on the io thread, at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace pincer::gateway {

// Who may be told. Connections are filtered by the scopes in their own record, never by what they ask for.
enum class Audience {
    everyone,   // tick, shutdown, health
    readers,    // operator.read, after sessions.subscribe: conversations
    approvers,  // operator.approvals (or admin): requests that wait for a person
};

struct Event {
    std::string name;                            // as in hello-ok.features.events
    std::shared_ptr<const std::string> payload;  // JSON text, made once for all listeners
    Audience audience = Audience::readers;
    std::string session_key;  // "" when it belongs to none
};

class EventBus {
public:
    using Listener = std::function<void(const Event&)>;

    // The listener lives until the Subscription goes.
    class Subscription {
    public:
        Subscription() = default;
        Subscription(EventBus& bus, std::uint64_t id) : bus_(&bus), id_(id) {}
        Subscription(Subscription&& other) noexcept : bus_(std::exchange(other.bus_, nullptr)), id_(other.id_) {}
        Subscription& operator=(Subscription&& other) noexcept;
        ~Subscription();

    private:
        EventBus* bus_ = nullptr;
        std::uint64_t id_ = 0;
    };

    Subscription subscribe(Listener listener);
    void publish(const Event& event);

private:
    std::map<std::uint64_t, Listener> listeners_;
    std::uint64_t next_id_ = 1;
};

}  // namespace pincer::gateway
