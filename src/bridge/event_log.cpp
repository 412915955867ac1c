#include "bridge/event_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>

#include "base/text.hpp"
#include "io/files.hpp"

namespace pincer::bridge {
namespace {

constexpr std::size_t kMaxFileBytes = 256u << 20;

std::string line_of(const QueuedEvent& event, std::optional<std::int64_t> event_id) {
    const std::string id = event_id ? fmt::format(R"("eventId":{},)", *event_id) : std::string();
    return fmt::format("{{{}\"sessionKey\":{},\"event\":{}}}\n", id, json::write(json::value(event.session_key)),
                       event.text);
}

std::string lost_mark_of(std::int64_t cursor) { return fmt::format("{{\"lostCursor\":{}}}\n", cursor); }

std::string mark_of(std::int64_t event_id) { return fmt::format("{{\"eventId\":{}}}\n", event_id); }

}  // namespace

Result<std::unique_ptr<EventLog>> EventLog::open(const std::filesystem::path& dir) {
    PINCER_CHECK(io::make_private_directory(dir));
    const auto lock_path = dir / "mcp-events.lock";
    const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return PINCER_FAIL(io, "{}: {}", lock_path.string(), std::strerror(errno));
    std::unique_ptr<EventLog> log(new EventLog(dir / "mcp-events.jsonl", lock));
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0)
        return PINCER_FAIL(conflict, "another bridge keeps its events in {}", dir.string());
    PINCER_CHECK(log->open_file());
    return log;
}

EventLog::~EventLog() {
    if (fd_ >= 0) ::close(fd_);
    if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<> EventLog::open_file() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) return PINCER_FAIL(io, "{}: {}", file_.string(), std::strerror(errno));
    return {};
}

std::optional<std::int64_t> EventLog::restore(EventQueue& queue) const {
    const auto text = io::read_file(file_, kMaxFileBytes);
    if (!text) return std::nullopt;
    std::optional<std::int64_t> newest;
    for (std::string_view line : split(*text, '\n')) {
        const auto entry = json::parse_object(line);
        if (!entry) continue;
        ++lines_;
        if (const auto id = json::int_at(*entry, "eventId")) newest = std::max(newest.value_or(0), *id);
        if (const auto cursor = json::int_at(*entry, "lostCursor"); cursor && *cursor > 0) queue.restore_lost(*cursor);
        const json::object* event = json::object_at(*entry, "event");
        const auto cursor = event ? json::int_at(*event, "cursor") : std::nullopt;
        if (cursor && *cursor > 0) queue.restore({*cursor, json::string_or(*entry, "sessionKey"), json::write(*event)});
    }
    return newest;
}

Result<> EventLog::append(const QueuedEvent& event, std::optional<std::int64_t> event_id, const EventQueue& queue) {
    if (event_id) newest_id_ = *event_id;
    return write_line(line_of(event, event_id), queue);
}

Result<> EventLog::mark_seen(std::int64_t event_id, const EventQueue& queue) {
    newest_id_ = event_id;
    return write_line(mark_of(event_id), queue);
}

Result<> EventLog::mark_lost(std::int64_t cursor, const EventQueue& queue) {
    return write_line(lost_mark_of(cursor), queue);
}

Result<> EventLog::write_line(const std::string& line, const EventQueue& queue) {
    if (++lines_ > kMaxLines) return rewrite(queue);
    if (::write(fd_, line.data(), line.size()) == ssize_t(line.size())) return {};
    return PINCER_FAIL(io, "{}: {}", file_.string(), std::strerror(errno));
}

Result<> EventLog::rewrite(const EventQueue& queue) {
    std::string all;
    for (const QueuedEvent& event : queue.events()) all += line_of(event, std::nullopt);
    if (newest_id_) all += mark_of(*newest_id_);
    if (const std::int64_t newest = queue.newest_cursor(); newest > 0)
        all += lost_mark_of(newest);  // where counting goes on
    PINCER_CHECK(io::write_file_atomically(file_, all));
    lines_ = queue.size() + 1;
    return open_file();
}

}  // namespace pincer::bridge
