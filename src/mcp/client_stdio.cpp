#include <deque>
#include <map>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "mcp/detail/client_base.hpp"

namespace pincer::mcp {
namespace {

class StdioClient final : public ClientBase {
public:
    StdioClient(io::Runtime& runtime, std::unique_ptr<io::LineStream> stream, ClientOptions options)
        : ClientBase(std::move(options)),
          runtime_(runtime),
          stream_(std::move(stream)),
          tasks_(runtime),
          closed_(runtime) {
        tasks_.spawn(read_lines());
    }
    ~StdioClient() override { PINCER_ASSERT(tasks_.size() == 0, "close() was awaited"); }

    bool is_open() const override { return !closed_.is_set(); }
    Task<> wait_closed() override { (void)co_await closed_.wait(); }

    Task<> close() override {
        end();
        co_await tasks_.stop();
        stream_.reset();  // end of file for the server
    }

protected:
    Task<Result<Outcome>> exchange(Ask ask) override {
        if (!is_open()) co_return fail_lost(false, ask.tool);
        PINCER_CO_TRY(const auto prepared,
                      session_.prepare(ask.method, std::move(ask.params), ask.meta, bool(ask.on_progress)));
        Waiting waiting(runtime_, ask);
        waiting_.emplace(prepared.id, &waiting);
        enqueue(std::move(prepared.text));
        Result<Outcome> outcome = co_await wait_for(waiting);
        waiting_.erase(prepared.id);
        const bool gave_up = !outcome && session_.abandon(prepared.id);
        // `initialize` may not be cancelled, and a probe without an answer may not even be understood.
        if (gave_up && is_open() && !facts_.version.empty())
            enqueue(session_.cancellation(prepared.id, outcome.error().message()));
        co_return outcome;
    }

    Task<Result<>> tell(std::string method, json::object params) override {
        enqueue(session_.notification(method, params));
        co_return Result<>();
    }

    void start_listening() override {
        if (facts_.era == Era::legacy || !wants_changes()) return;  // legacy servers tell without being asked
        json::object params{{"notifications", json::object{{"toolsListChanged", true}}}};
        auto prepared = session_.prepare("subscriptions/listen", std::move(params), {}, false);
        if (prepared) enqueue(std::move(prepared->text));
    }

private:
    struct Waiting {
        Waiting(io::Runtime& runtime, Ask& asked) : ask(asked), changed(runtime) {}
        Ask& ask;
        io::Event changed;
        std::optional<Outcome> outcome;
    };

    Task<Result<Outcome>> wait_for(Waiting& waiting) {
        while (!waiting.outcome) {
            if (!is_open()) co_return fail_lost(true, waiting.ask.tool);
            const Limit limit = waiting.ask.patience.next();
            const Deadline deadline(limit.at);
            waiting.changed.reset();
            const Result<> woken = co_await waiting.changed.wait(deadline);
            if (woken || waiting.outcome) continue;
            if (woken.error().code() == ErrorCode::timed_out) co_return fail_timeout(limit, waiting.ask.tool);
            co_return PINCER_FAIL(cancelled, "{}: cancelled", subject(waiting.ask.tool));
        }
        co_return std::move(*waiting.outcome);
    }

    Task<> read_lines() {
        while (is_open()) {
            auto line = co_await stream_->read_line();
            if (!line && line.error().code() == ErrorCode::too_large) {
                log::warn("mcp.client.line_too_long", {{"server", options_.server_name}});
                continue;
            }
            if (!line || !*line) break;
            take(**line);
        }
        end();
    }

    void take(const std::string& line) {
        std::vector<ClientSession::Event> events;
        session_.receive(line, events);
        for (auto& event : events) {
            if (auto* answer = std::get_if<ClientSession::Answer>(&event)) {
                const auto found = waiting_.find(answer->id);
                if (found == waiting_.end()) continue;
                found->second->outcome = std::move(answer->outcome);
                found->second->changed.set();
            } else if (auto* progress = std::get_if<ClientSession::ProgressOf>(&event)) {
                take_progress(*progress);
            } else if (auto* notice = std::get_if<ClientSession::Notice>(&event)) {
                take_notice(*notice);
            } else {
                enqueue(std::move(std::get<ClientSession::Reply>(event).text));
            }
        }
    }

    void take_progress(const ClientSession::ProgressOf& event) {
        const auto found = waiting_.find(event.id);
        if (found == waiting_.end()) return;
        Ask& ask = found->second->ask;
        ask.patience.sign(std::chrono::steady_clock::now());
        found->second->changed.set();
        if (ask.on_progress) ask.on_progress(event.progress);
    }

    void end() {
        closed_.set();
        for (const auto& [id, waiting] : waiting_) waiting->changed.set();
    }

    // Written by a task of its own: a caller that is cancelled half-way must not leave half a line behind.
    void enqueue(std::string line) {
        queue_.push_back(std::move(line));
        if (std::exchange(writing_, true)) return;
        tasks_.spawn(write_queue());
    }

    Task<> write_queue() {
        while (!queue_.empty() && is_open()) {
            std::string line = std::move(queue_.front());
            queue_.pop_front();
            const Result<> written = co_await stream_->write_line(std::move(line));
            if (!written) end();
        }
        writing_ = false;
    }

    io::Runtime& runtime_;
    std::unique_ptr<io::LineStream> stream_;
    std::map<jsonrpc::RequestId, Waiting*> waiting_;  // they live in the frames of exchange()
    std::deque<std::string> queue_;
    bool writing_ = false;
    io::TaskGroup tasks_;
    io::Event closed_;
};

}  // namespace

Task<Result<std::unique_ptr<Client>>> Client::over_stdio(io::Runtime& runtime, std::unique_ptr<io::LineStream> stream,
                                                         ClientOptions options) {
    auto client = std::make_unique<StdioClient>(runtime, std::move(stream), std::move(options));
    const Result<> opened = co_await client->handshake();
    if (!opened) {
        co_await client->close();
        co_return Failure(opened.error());
    }
    co_return std::unique_ptr<Client>(std::move(client));
}

}  // namespace pincer::mcp
