// What happened, in order, for clients that poll: the newest events, each with a cursor. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace pincer::bridge {

// An event as it was queued. The body is kept as text: a thousand of them as JSON values would be several times larger.
struct QueuedEvent {
    std::int64_t cursor = 0;
    std::string session_key;  // empty: it belongs to no conversation, and a filter by session hides it
    std::string text;         // the JSON object, "cursor" first
};

struct Gap {
    std::int64_t requested_after_cursor = 0;
    std::int64_t oldest_available_cursor = 0;
    json::object to_json() const;
};

class EventQueue {
public:
    static constexpr std::size_t kMaxEvents = 1000;
    static constexpr std::size_t kMaxBytes = 32u << 20;  // and never more than this, whatever their number
    static constexpr std::size_t kMaxEventBytes = 4u << 20;

    // Puts "cursor" in front of `event` and drops the oldest beyond the limits. `event` has no "cursor" of its own.
    const QueuedEvent& push(json::object event, std::string_view session_key);
    // Events were missed here, nobody knows how many: one cursor is left out, and whoever comes past it is told of a
    // gap. Gives that cursor.
    std::int64_t lose() { return next_cursor_++; }
    // From a log of an earlier life, oldest first, before anything is pushed. Cursors must rise; others are passed
    // over.
    void restore(QueuedEvent event);
    void restore_lost(std::int64_t cursor) { next_cursor_ = std::max(next_cursor_, cursor + 1); }

    struct Page {
        std::vector<const QueuedEvent*> events;  // valid until the next push
        std::int64_t next_cursor = 0;
        std::optional<Gap> gap;
    };
    // Up to `limit` events with a cursor over `after`, of one conversation if a key is given. Nothing is consumed. Ends
    // before a gap when there is something to give, so that the next call tells of it.
    Page poll(std::int64_t after, std::string_view session_key, std::size_t limit) const;

    std::int64_t newest_cursor() const { return next_cursor_ - 1; }
    std::size_t size() const { return events_.size(); }
    const std::deque<QueuedEvent>& events() const { return events_; }

private:
    void trim();

    std::deque<QueuedEvent> events_;
    std::size_t bytes_ = 0;
    std::int64_t next_cursor_ = 1;
};

}  // namespace pincer::bridge
