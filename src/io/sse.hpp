// Server-sent events (WHATWG HTML §9.2), sans-IO: bytes in, events out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pincer::io {

struct SseEvent {
    std::string type = "message";
    std::string data;
    std::string id;                // the last event id in force, as the standard has it
    std::optional<long> retry_ms;  // set on the event block that carried it
    bool has_data = false;         // false: a block with only id or retry (a priming event)
};

class SseParser {
public:
    explicit SseParser(std::size_t max_event_bytes = 16u << 20) : max_event_bytes_(max_event_bytes) {}
    // Appends the events completed by these bytes. Error: too_large.
    Result<> feed(std::string_view bytes, std::vector<SseEvent>& out);

private:
    void take_line(std::string_view line, std::vector<SseEvent>& out);
    void take_field(std::string_view name, std::string_view value);
    void finish_block(std::vector<SseEvent>& out);

    std::size_t max_event_bytes_;
    std::string buffer_;  // the line that is not complete yet
    SseEvent event_;
    std::string last_id_;
    bool block_counts_ = false;  // it has data, an id or a retry: what makes a block an event
    bool first_line_ = true;
    bool skip_lf_ = false;  // the last byte was a CR that ended a line
    bool broken_ = false;
};

// One event in wire form; data may hold newlines.
std::string format_sse(const SseEvent& event);
std::string format_sse_comment(std::string_view text);

}  // namespace pincer::io
