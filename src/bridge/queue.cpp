#include "bridge/queue.hpp"

namespace pincer::bridge {

json::object Gap::to_json() const {
    return {{"requested_after_cursor", requested_after_cursor}, {"oldest_available_cursor", oldest_available_cursor}};
}

const QueuedEvent& EventQueue::push(json::object event, std::string_view session_key) {
    json::object body{{"cursor", next_cursor_}};
    for (auto& [key, value] : event) body.emplace(key, std::move(value));
    std::string text = json::write(body);
    if (text.size() > kMaxEventBytes) {  // what it was about stays, what it said is left out
        body.erase("raw");
        body.erase("text");
        body["truncated"] = true;
        text = json::write(body);
    }
    bytes_ += text.size();
    events_.push_back({next_cursor_++, std::string(session_key), std::move(text)});
    trim();
    return events_.back();
}

void EventQueue::restore(QueuedEvent event) {
    if (event.cursor < next_cursor_) return;
    next_cursor_ = event.cursor + 1;
    bytes_ += event.text.size();
    events_.push_back(std::move(event));
    trim();
}

void EventQueue::trim() {
    while (events_.size() > kMaxEvents || (bytes_ > kMaxBytes && events_.size() > 1)) {
        bytes_ -= events_.front().text.size();
        events_.pop_front();
    }
}

EventQueue::Page EventQueue::poll(std::int64_t after, std::string_view session_key, std::size_t limit) const {
    Page page;
    std::int64_t seen = after;  // the last cursor that the walk has come to
    const auto missing_until = [&](std::int64_t cursor) {
        if (cursor > seen + 1) page.gap = Gap{after, cursor};
    };
    for (const QueuedEvent& event : events_) {
        if (page.events.size() >= limit) break;
        if (event.cursor <= after) continue;
        if (!page.events.empty() && event.cursor > seen + 1) break;
        missing_until(event.cursor);
        seen = event.cursor;
        if (session_key.empty() || event.session_key == session_key) page.events.push_back(&event);
    }
    if (page.events.empty()) missing_until(next_cursor_);
    page.next_cursor = !page.events.empty() ? page.events.back()->cursor
                       : page.gap           ? page.gap->oldest_available_cursor - 1
                                            : after;
    return page;
}

}  // namespace pincer::bridge
