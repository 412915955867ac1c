// The queue on disk, so that a cursor means the same after the bridge was started again: one JSON line for each event,
// the newest two thousand at most. Survives the process, not the machine: nothing is fsynced, since the Gateway has
// its own durable log and fills in what is missing.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "bridge/queue.hpp"

namespace pincer::bridge {

class EventLog {
public:
    // <dir>/mcp-events.jsonl, with a lock beside it: a second bridge on the same folder is refused.
    // Errors: conflict (another bridge has it), io.
    static Result<std::unique_ptr<EventLog>> open(const std::filesystem::path& dir);
    ~EventLog();
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;

    // Into an empty queue. A line that was cut off by a kill is passed over. Gives the newest Gateway event id, if any.
    std::optional<std::int64_t> restore(EventQueue& queue) const;
    // `event_id`: the Gateway's, if it gave one. Rewrites the file from `queue` when it has grown too long.
    Result<> append(const QueuedEvent& event, std::optional<std::int64_t> event_id, const EventQueue& queue);
    // An event of the Gateway that was seen and not queued.
    Result<> mark_seen(std::int64_t event_id, const EventQueue& queue);

    // A cursor of the queue that stands for events that were missed.
    Result<> mark_lost(std::int64_t cursor, const EventQueue& queue);

private:
    EventLog(std::filesystem::path file, int lock_fd) : file_(std::move(file)), lock_fd_(lock_fd) {}
    Result<> write_line(const std::string& line, const EventQueue& queue);
    Result<> rewrite(const EventQueue& queue);
    Result<> open_file();

    static constexpr std::size_t kMaxLines = 2000;

    std::filesystem::path file_;
    int lock_fd_ = -1;
    int fd_ = -1;
    mutable std::size_t lines_ = 0;
    std::optional<std::int64_t> newest_id_;
};

}  // namespace pincer::bridge
