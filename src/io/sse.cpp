#include "io/sse.hpp"

#include <algorithm>
#include <charconv>

namespace pincer::io {

Result<> SseParser::feed(std::string_view bytes, std::vector<SseEvent>& out) {
    const auto too_large = [&] {
        broken_ = true;
        return PINCER_FAIL(too_large, "an event is over {} bytes", max_event_bytes_);
    };
    if (broken_) return too_large();
    while (!bytes.empty()) {
        if (std::exchange(skip_lf_, false) && bytes.front() == '\n') {
            bytes.remove_prefix(1);
            continue;
        }
        const std::size_t end = bytes.find_first_of("\r\n");
        const std::string_view part = bytes.substr(0, end);
        if (buffer_.size() + part.size() + event_.data.size() > max_event_bytes_) return too_large();
        if (end == std::string_view::npos) {
            buffer_ += part;
            return {};
        }
        skip_lf_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        if (buffer_.empty()) {
            take_line(part, out);  // the usual case: the whole line is here, nothing is copied
        } else {
            buffer_ += part;
            take_line(buffer_, out);
            buffer_.clear();
        }
    }
    return {};
}

void SseParser::take_line(std::string_view line, std::vector<SseEvent>& out) {
    if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.empty()) return finish_block(out);
    if (line.front() == ':') return;  // a comment
    const std::size_t colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    take_field(line.substr(0, colon), value);
}

void SseParser::take_field(std::string_view name, std::string_view value) {
    if (name == "data") {
        if (event_.has_data) event_.data += '\n';
        event_.data += value;
        event_.has_data = true;
        block_counts_ = true;
    } else if (name == "event") {
        event_.type = value.empty() ? "message" : value;
    } else if (name == "id") {
        if (value.find('\0') != std::string_view::npos) return;
        last_id_ = value;
        block_counts_ = true;
    } else if (name == "retry") {
        long milliseconds = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
        const bool digits = !value.empty() && value.front() != '-';
        if (!digits || error != std::errc() || end != value.data() + value.size()) return;
        event_.retry_ms = milliseconds;
        block_counts_ = true;
    }
}

void SseParser::finish_block(std::vector<SseEvent>& out) {
    if (std::exchange(block_counts_, false)) {
        event_.id = last_id_;
        out.push_back(std::move(event_));
    }
    event_ = SseEvent{};
}

std::string format_sse(const SseEvent& event) {
    // A line break inside a one-line field would start another field.
    const auto one_line = [](std::string_view text) { return text.substr(0, text.find_first_of("\r\n")); };
    std::string out;
    out.reserve(event.data.size() + event.id.size() + 48);
    if (event.type != "message") out.append("event: ").append(one_line(event.type)).append("\n");
    const std::string_view id = one_line(event.id);
    const bool readable =
        !id.empty() && id.find('\0') == std::string_view::npos;  // the standard ignores an id with NUL
    if (readable) out.append("id: ").append(id).append("\n");
    if (event.retry_ms) out.append("retry: ").append(std::to_string(*event.retry_ms)).append("\n");
    if (event.has_data || !event.data.empty()) {
        std::string_view rest = event.data;
        for (bool more = true; more;) {
            const std::size_t end = rest.find_first_of("\r\n");
            out.append("data: ").append(rest.substr(0, end)).append("\n");
            more = end != std::string_view::npos;
            if (more) rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
        }
    }
    return out.append("\n");
}

std::string format_sse_comment(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return ": " + line + "\n\n";
}

}  // namespace pincer::io
