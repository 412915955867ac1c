#include "mcp/stdio_server.hpp"

#include <deque>

#include "base/log.hpp"
#include "mcp/detail/call_runner.hpp"

namespace pincer::mcp {
namespace {

// A client that does not read: beyond the first mark we stop reading its requests, beyond the second its notifications
// are dropped.
constexpr std::size_t kPauseReadingBytes = 4u << 20;
constexpr std::size_t kDropNotificationsBytes = 32u << 20;

class StdioConnection final : public Server::Listener {
public:
    StdioConnection(io::Runtime& runtime, Server& server, io::LineStream& stream)
        : server_(server),
          stream_(stream),
          session_(server, Principal()),
          tasks_(runtime),
          drained_(runtime),
          runner_(runtime, [this](CallKey key, Result<ToolResult> result) { finish(key, std::move(result)); }) {
        session_.set_on_outbox([this] { push_outbox(); });
        server_.attach(*this);
    }
    ~StdioConnection() override { server_.detach(*this); }

    Task<Result<>> serve(Millis grace) {
        Result<> ended = co_await read_until_end();
        const Deadline deadline = Deadline::after(grace);
        if (ended && !broken_) (void)co_await runner_.wait_idle(deadline);
        session_.end_subscriptions(out_);
        act();
        if (ended && !broken_) (void)co_await wait_drained(deadline);
        stopping_ = true;
        co_await runner_.stop();
        co_await tasks_.stop();
        co_return ended;
    }

    void on_notify(const ServerNotification& notification) override {
        if (queued_bytes_ > kDropNotificationsBytes) {
            log::warn("mcp.server.notification_dropped",
                      {{"method", notification.method}, {"why", "the client does not read"}});
            return;
        }
        session_.notify(notification, out_);
        act();
    }

private:
    Task<Result<>> read_until_end() {
        while (!broken_) {
            auto line = co_await stream_.read_line();
            if (!line) {
                if (line.error().code() == ErrorCode::unavailable) co_return Result<>();
                if (line.error().code() != ErrorCode::too_large) co_return Failure(std::move(line).error());
                refuse_long_line(line.error());
                continue;
            }
            if (!*line) break;
            if ((*line)->empty()) continue;
            session_.receive(**line, out_);
            collect();
            if (!writing_ && !queue_.empty())
                co_await flush();  // in this task: one request costs one read and one write
            if (queued_bytes_ > kPauseReadingBytes) (void)co_await wait_drained(Deadline::never());
        }
        co_return Result<>();
    }

    void refuse_long_line(const Error& error) {
        enqueue(jsonrpc::encode_error(std::nullopt,
                                      {jsonrpc::kParseError, "Parse error: " + error.message(), std::nullopt}));
        flush_soon();
    }

    void finish(CallKey key, Result<ToolResult> result) {
        if (stopping_) return;  // cut off by us: the client sees the connection end, which is the truth
        session_.finish(key, std::move(result), out_);
        act();
    }

    void push_outbox() {
        session_.take_outbox(out_);
        act();
    }

    void act() {
        collect();
        flush_soon();
    }

    // Puts what the session wants into effect, except for the writing. Starting a call may bring new output.
    void collect() {
        auto send = std::exchange(out_.send, {});
        for (auto& message : send) enqueue(std::move(message.text));
        if (out_.send.capacity() == 0 && send.capacity() > 0) {
            send.clear();
            out_.send = std::move(send);  // kept for its memory
        }
        for (const auto& cancel : std::exchange(out_.cancel, {})) runner_.cancel(cancel.key);
        for (auto& start : std::exchange(out_.start, {})) runner_.start(std::move(start));
    }

    void enqueue(std::string text) {
        queued_bytes_ += text.size();
        queue_.push_back(std::move(text));
    }

    void flush_soon() {
        if (writing_ || queue_.empty() || broken_) return;
        writing_ = true;
        tasks_.spawn(flush_claimed());
    }

    Task<> flush() {
        writing_ = true;
        return flush_claimed();
    }

    // All that waits goes out in one write.
    Task<> flush_claimed() {
        while (!queue_.empty() && !broken_) {
            std::string lines = std::move(queue_.front());
            queue_.pop_front();
            for (; !queue_.empty(); queue_.pop_front()) {
                lines += '\n';
                lines += queue_.front();
            }
            queued_bytes_ = 0;
            const Result<> written = co_await stream_.write_line(std::move(lines));
            if (!written) broken_ = true;
        }
        writing_ = false;
        drained_.set();
    }

    Task<bool> wait_drained(Deadline deadline) {
        while (writing_) {
            drained_.reset();
            const Result<> woken = co_await drained_.wait(deadline);
            if (!woken) co_return false;
        }
        co_return true;
    }

    Server& server_;
    io::LineStream& stream_;
    ServerSession session_;
    ServerSession::Output out_;
    std::deque<std::string> queue_;
    std::size_t queued_bytes_ = 0;
    bool writing_ = false;
    bool stopping_ = false;
    bool broken_ = false;  // the client no longer takes what we write
    io::TaskGroup tasks_;
    io::Event drained_;
    CallRunner runner_;
};

}  // namespace

Task<Result<>> serve_stdio(io::Runtime& runtime, Server& server, io::LineStream& stream, Millis grace) {
    StdioConnection connection(runtime, server, stream);
    co_return co_await connection.serve(grace);
}

}  // namespace pincer::mcp
