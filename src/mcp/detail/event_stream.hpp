// One stream of server-sent events on its way to a client, apart from the connection that carries it: a legacy client
// may break off and come back for what it missed, so the last events are kept.
#pragma once

#include <deque>
#include <memory>

#include "io/http_server.hpp"
#include "io/sse.hpp"

namespace pincer::mcp {

struct EventStreamOptions {
    std::string id;          // prefix of the event ids; "": no ids, and nothing is kept once it was written
    bool only_last = false;  // for wait_last(): whatever comes before the end is dropped
    std::size_t replay_events = 0;
    std::size_t replay_bytes = 0;
    Millis keep_alive{15'000};
    bool priming_event =
        false;  // 2025-11-25: an empty event with an id first, so that there is something to come back to
    Millis retry{0};
};

class EventStream {
public:
    EventStream(io::Runtime& runtime, EventStreamOptions options);

    void push(std::string data);
    void finish();  // no more will come: readers end once they have all
    bool finished() const { return finished_; }
    bool attached() const { return attached_ > 0; }
    const std::string& id() const { return options_.id; }

    enum class Ending { complete, peer_gone, replaced };
    // Writes everything after event number `after`, and what comes, until the end. One reader at a time: a new one
    // replaces the old.
    Task<Ending> pump(io::BodyWriter& writer, std::uint64_t after);

    // For clients that take no stream: waits for the end and gives the last event's data; "" when there was none.
    Task<std::string> wait_last();

    // "<stream>_<number>" taken apart.
    static std::optional<std::pair<std::string, std::uint64_t>> parse_event_id(std::string_view id);

private:
    struct Kept {
        std::uint64_t number;
        std::string data;
    };
    std::string wire_form(const Kept& event) const;
    Task<> watch(io::BodyWriter& writer, std::uint64_t reader);
    void trim(std::uint64_t written);

    io::Runtime& runtime_;
    EventStreamOptions options_;
    std::deque<Kept> events_;
    std::size_t bytes_ = 0;
    std::uint64_t next_ = 1;
    std::uint64_t reader_ = 0;  // the newest one
    std::uint64_t gone_ = 0;    // readers up to here have lost their peer
    int attached_ = 0;
    bool finished_ = false;
    io::Event changed_;
};

}  // namespace pincer::mcp
