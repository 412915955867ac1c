#include "mcp/detail/event_stream.hpp"

#include "base/text.hpp"

namespace pincer::mcp {

EventStream::EventStream(io::Runtime& runtime, EventStreamOptions options)
    : runtime_(runtime), options_(std::move(options)), changed_(runtime) {}

void EventStream::push(std::string data) {
    if (finished_) return;
    bytes_ += data.size();
    events_.push_back({next_++, std::move(data)});
    if (options_.only_last || (attached_ == 0 && !options_.id.empty())) trim(next_);
    changed_.set();
}

void EventStream::finish() {
    finished_ = true;
    changed_.set();
}

// Everything up to `written` has been sent (or has nobody to go to): only what replay wants is kept.
void EventStream::trim(std::uint64_t written) {
    while (!events_.empty() && events_.front().number <= written) {
        if (!options_.id.empty() && events_.size() <= options_.replay_events && bytes_ <= options_.replay_bytes) return;
        if (options_.only_last && events_.size() == 1) return;
        bytes_ -= events_.front().data.size();
        events_.pop_front();
    }
}

std::string EventStream::wire_form(const Kept& event) const {
    io::SseEvent sse{.data = event.data, .has_data = true};
    if (!options_.id.empty()) sse.id = fmt::format("{}_{}", options_.id, event.number);
    return io::format_sse(sse);
}

Task<> EventStream::watch(io::BodyWriter& writer, std::uint64_t reader) {
    const Result<> closed = co_await writer.wait_closed();
    if (!closed && closed.error().code() == ErrorCode::cancelled) co_return;
    gone_ = std::max(gone_, reader);
    changed_.set();
}

Task<EventStream::Ending> EventStream::pump(io::BodyWriter& writer, std::uint64_t after) {
    const std::uint64_t me = ++reader_;
    ++attached_;
    changed_.set();  // an older reader sees that it was replaced
    io::TaskGroup watcher(runtime_);
    watcher.spawn(watch(writer, me));
    Ending ending = Ending::complete;
    std::string first;
    if (options_.priming_event && after == 0) {
        first = fmt::format("id: {}_0\nretry: {}\ndata: \n\n", options_.id, options_.retry.count());
        const Result<> written = co_await writer.write(std::move(first));
        if (!written) ending = Ending::peer_gone;
    }
    while (ending == Ending::complete) {
        if (reader_ != me)
            ending = Ending::replaced;
        else if (gone_ >= me)
            ending = Ending::peer_gone;
        if (ending != Ending::complete) break;
        std::string piece;
        for (const Kept& event : events_) {
            if (event.number > after) piece += wire_form(event);
        }
        const std::uint64_t up_to = next_ - 1;
        if (piece.empty() && finished_) break;
        if (piece.empty()) {
            changed_.reset();
            const Deadline quiet = Deadline::after(options_.keep_alive);
            const Result<> woken = co_await changed_.wait(quiet);
            if (woken) continue;
            if (woken.error().code() != ErrorCode::timed_out) {
                ending = Ending::peer_gone;
                break;
            }
            piece = io::format_sse_comment("");
        }
        const Result<> written = co_await writer.write(std::move(piece));
        if (!written) ending = Ending::peer_gone;
        after = std::max(after, up_to);
        trim(after);
    }
    --attached_;
    co_await watcher.stop();
    co_return ending;
}

Task<std::string> EventStream::wait_last() {
    while (!finished_) {
        changed_.reset();
        const Result<> woken = co_await changed_.wait();
        if (!woken) co_return "";
    }
    if (events_.empty()) co_return "";
    co_return std::move(events_.back().data);
}

std::optional<std::pair<std::string, std::uint64_t>> EventStream::parse_event_id(std::string_view id) {
    const auto cut = id.rfind('_');
    if (cut == std::string_view::npos || id.size() > 128) return std::nullopt;
    const std::string_view digits = id.substr(cut + 1);
    if (digits.empty() || digits.size() > 18 || digits.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    return std::pair(std::string(id.substr(0, cut)), std::uint64_t(std::stoull(std::string(digits))));
}

}  // namespace pincer::mcp
