#include <map>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "io/sse.hpp"
#include "mcp/detail/client_base.hpp"
#include "mcp/detail/header_mirror.hpp"

namespace pincer::mcp {
namespace {

constexpr std::size_t kMaxErrorBody = 64u << 10;
constexpr Millis kFirstPause{1'000};
constexpr Millis kLongestPause{60'000};
constexpr Millis kFarewell{2'000};  // for DELETE and notifications

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

bool is_event_stream(const io::Headers& headers) {
    const auto type = headers.get("Content-Type");
    return type && to_lower(*type).starts_with("text/event-stream");
}

class HttpClientEnd final : public ClientBase {
public:
    HttpClientEnd(io::Runtime& runtime, io::HttpClient& http, HttpTarget target, ClientOptions options)
        : ClientBase(std::move(options)), http_(http), target_(std::move(target)), tasks_(runtime), closed_(runtime) {}
    ~HttpClientEnd() override { PINCER_ASSERT(tasks_.size() == 0, "close() was awaited"); }

    bool is_open() const override { return !closed_.is_set(); }
    Task<> wait_closed() override { (void)co_await closed_.wait(); }

    Task<> close() override {
        const bool was_open = is_open();
        closed_.set();
        co_await tasks_.stop();
        if (!was_open || session_id_.empty()) co_return;
        io::HttpRequest request = make_request("DELETE", "");
        const Deadline deadline = Deadline::after(kFarewell);
        (void)co_await http_.send(std::move(request), deadline);
    }

protected:
    Task<Result<Outcome>> exchange(Ask ask) override {
        if (!is_open()) co_return fail_lost(false, ask.tool);
        PINCER_CO_TRY(const auto prepared,
                      session_.prepare(ask.method, std::move(ask.params), ask.meta, bool(ask.on_progress)));
        Result<Outcome> outcome = co_await exchange_prepared(ask, prepared);
        const bool gave_up = session_.abandon(prepared.id) && !outcome;
        // Modern: the closed stream is the cancellation. Legacy: a closed stream means nothing.
        if (gave_up && is_open() && facts_.era == Era::legacy && !facts_.version.empty()) {
            post_later(session_.cancellation(prepared.id, outcome.error().message()));
        }
        co_return outcome;
    }

    Task<Result<>> tell(std::string method, json::object params) override {
        io::HttpRequest request = make_request("POST", session_.notification(method, params));
        const Deadline deadline = Deadline::after(options_.timeouts.request);
        auto response = co_await http_.send(std::move(request), deadline);
        if (!response) co_return Failure(std::move(response).error().context(subject("")));
        if (response->status >= 400)
            co_return PINCER_FAIL(protocol, "{}: {} was answered with HTTP {}", subject(""), method, response->status);
        co_return Result<>();
    }

    Result<> admit(const ToolInfo& tool) override {
        if (facts_.era != Era::modern) return {};
        auto params = mirrored_params(tool.input_schema);
        if (!params) return PINCER_FAIL(protocol, "tool {}: {}", tool.name, params.error().message());
        if (!params->empty()) mirrored_.insert_or_assign(tool.name, std::move(*params));
        return {};
    }

    void start_listening() override {
        const bool wanted = facts_.era == Era::modern ? wants_changes() : wants_changes() || options_.on_notification;
        if (wanted) tasks_.spawn(listen());
    }

private:
    // --- requests
    io::HttpRequest make_request(std::string method, std::string body) const {
        io::HttpRequest request{.method = std::move(method),
                                .url = target_.url,
                                .headers = target_.headers,
                                .body = std::move(body),
                                .max_response_bytes = options_.max_message_bytes};
        const bool post = request.method == "POST";
        request.headers.set("Accept", post ? "application/json, text/event-stream" : "text/event-stream");
        if (post) request.headers.set("Content-Type", "application/json");
        if (!session_.version().empty()) request.headers.set("MCP-Protocol-Version", session_.version());
        if (!session_id_.empty()) request.headers.set("Mcp-Session-Id", session_id_);
        return request;
    }

    io::HttpRequest make_post(const std::string& method, const ClientSession::Prepared& prepared,
                              const std::string& tool) const {
        io::HttpRequest request = make_request("POST", prepared.text);
        if (session_.era() != Era::modern) return request;
        const auto mirrored = mirrored_.find(tool);
        add_mirror_headers(request.headers, method, prepared.params,
                           mirrored == mirrored_.end() ? std::span<const MirroredParam>() : mirrored->second);
        return request;
    }

    Task<Result<Outcome>> exchange_prepared(Ask& ask, const ClientSession::Prepared& prepared) {
        io::HttpRequest request = make_post(ask.method, prepared, ask.tool);
        const Limit limit = ask.patience.next();
        const Deadline headers_by(limit.at);
        auto stream = co_await http_.open(std::move(request), headers_by);
        if (!stream) co_return transport_failure(stream.error(), limit, ask);
        if ((*stream)->status() != 200) co_return co_await read_refusal(**stream, ask);
        if (const auto id = (*stream)->headers().get("Mcp-Session-Id"); id && ask.method == "initialize")
            session_id_ = *id;
        if (is_event_stream((*stream)->headers())) co_return co_await read_events(std::move(*stream), ask, prepared.id);
        PINCER_CO_TRY(const std::string body, co_await read_body(**stream, ask, options_.max_message_bytes));
        std::optional<Outcome> outcome;
        take_text(body, ask, prepared.id, outcome);
        if (!outcome)
            co_return PINCER_FAIL(protocol, "{}: HTTP 200 without an answer to the request", subject(ask.tool));
        co_return std::move(*outcome);
    }

    Failure transport_failure(const Error& error, const Limit& limit, const Ask& ask) const {
        switch (error.code()) {
            case ErrorCode::timed_out:
                if (steady_now() >= limit.at) return fail_timeout(limit, ask.tool);
                return Failure(Error(error).context(subject(ask.tool)).with_reason("MCP_TIMEOUT_CONNECT"));
            case ErrorCode::cancelled:
            case ErrorCode::unavailable:
            case ErrorCode::refused:
            case ErrorCode::too_large: return Failure(Error(error).context(subject(ask.tool)));
            default: return fail_lost(true, ask.tool);
        }
    }

    Task<Result<std::string>> read_body(io::HttpStream& stream, const Ask& ask, std::size_t most) {
        std::string body;
        while (true) {
            const Limit limit = ask.patience.next();
            const Deadline deadline(limit.at);
            auto piece = co_await stream.read_some(deadline);
            if (!piece) co_return transport_failure(piece.error(), limit, ask);
            if (piece->empty()) co_return body;
            if (body.size() + piece->size() > most)
                co_return PINCER_FAIL(too_large, "{}: the answer is over {} bytes", subject(ask.tool), most);
            body += *piece;
        }
    }

    // What is not 200: a JSON-RPC error in the body is the server's own word, the rest is HTTP's.
    Task<Result<Outcome>> read_refusal(io::HttpStream& stream, const Ask& ask) {
        const int status = stream.status();
        const Result<std::string> body = co_await read_body(stream, ask, kMaxErrorBody);
        if (status == 401)
            co_return PINCER_FAIL(unauthenticated, "{}: the server wants other credentials (HTTP 401)",
                                  subject(ask.tool));
        if (status == 403) co_return PINCER_FAIL(forbidden, "{}: the server forbids it (HTTP 403)", subject(ask.tool));
        if (status == 404 && !session_id_.empty()) {
            closed_.set();  // the session is over; whoever owns us connects anew
            co_return PINCER_FAIL(unavailable, "{}: the server has ended the session", subject(ask.tool));
        }
        const jsonrpc::Decoded decoded = jsonrpc::decode(body ? *body : "", {.bytes = kMaxErrorBody});
        const auto* message = std::get_if<jsonrpc::Message>(&decoded);
        const auto* response = message ? std::get_if<jsonrpc::Response>(message) : nullptr;
        if (response && !response->outcome) co_return Outcome(std::unexpected(response->outcome.error()));
        if (status == 429) co_return PINCER_FAIL(rate_limited, "{}: too many requests (HTTP 429)", subject(ask.tool));
        if (status == 502 || status == 504) co_return fail_lost(true, ask.tool);
        const jsonrpc::RpcError error{-status, fmt::format("HTTP {}", status), std::nullopt};
        co_return Outcome(std::unexpected(error));
    }

    // --- streams
    struct Tail {  // where a broken-off stream can be taken up again
        std::string last_id;
        Millis retry = kFirstPause;
    };

    Task<Result<Outcome>> read_events(std::unique_ptr<io::HttpStream> stream, Ask& ask, jsonrpc::RequestId id) {
        Tail tail;
        std::optional<Outcome> outcome;
        while (true) {
            const Result<> ended = co_await read_stream(*stream, ask, id, tail, outcome);
            if (outcome) co_return std::move(*outcome);
            if (!ended) co_return Failure(ended.error());
            if (session_.era() == Era::modern || tail.last_id.empty()) co_return fail_lost(true, ask.tool);
            stream.reset();
            const Limit limit = ask.patience.next();
            const Deadline deadline(limit.at);
            if (steady_now() + tail.retry >= limit.at) co_return fail_lost(true, ask.tool);
            PINCER_CO_CHECK(co_await io::sleep_for(tail.retry));
            io::HttpRequest request = make_request("GET", "");
            request.headers.set("Last-Event-ID", tail.last_id);
            auto resumed = co_await http_.open(std::move(request), deadline);
            if (!resumed || (*resumed)->status() != 200) co_return fail_lost(true, ask.tool);
            stream = std::move(*resumed);
        }
    }

    // Until the answer is there or the stream ends; an error only when waiting any longer makes no sense.
    Task<Result<>> read_stream(io::HttpStream& stream, Ask& ask, const jsonrpc::RequestId& id, Tail& tail,
                               std::optional<Outcome>& outcome) {
        io::SseParser parser(options_.max_message_bytes);
        std::vector<io::SseEvent> events;
        while (!outcome) {
            const Limit limit = ask.patience.next();
            const Deadline deadline(limit.at);
            auto piece = co_await stream.read_some(deadline);
            if (!piece && (piece.error().code() == ErrorCode::io || piece.error().code() == ErrorCode::unavailable))
                co_return Result<>();
            if (!piece) co_return transport_failure(piece.error(), limit, ask);
            if (piece->empty()) co_return Result<>();
            events.clear();
            PINCER_CO_CHECK(parser.feed(*piece, events));
            for (const io::SseEvent& event : events) {
                if (!event.id.empty()) tail.last_id = event.id;
                if (event.retry_ms) tail.retry = std::clamp(Millis(*event.retry_ms), Millis(0), kLongestPause);
                if (event.data.empty() || event.type != "message") continue;
                take_text(event.data, ask, id, outcome);
            }
        }
        co_return Result<>();
    }

    void take_text(const std::string& text, Ask& ask, const jsonrpc::RequestId& id, std::optional<Outcome>& outcome) {
        std::vector<ClientSession::Event> events;
        session_.receive(text, events);
        for (auto& event : events) {
            if (auto* answer = std::get_if<ClientSession::Answer>(&event)) {
                if (answer->id == id) outcome = std::move(answer->outcome);
            } else if (auto* progress = std::get_if<ClientSession::ProgressOf>(&event)) {
                if (progress->id != id) continue;
                ask.patience.sign(steady_now());
                if (ask.on_progress) ask.on_progress(progress->progress);
            } else if (auto* notice = std::get_if<ClientSession::Notice>(&event)) {
                take_notice(*notice);
            } else {
                post_later(std::move(std::get<ClientSession::Reply>(event).text));
            }
        }
    }

    // --- beside the requests
    void post_later(std::string body) { tasks_.spawn(post(make_request("POST", std::move(body)))); }

    Task<> post(io::HttpRequest request) {
        const Deadline deadline = Deadline::after(kFarewell);
        auto response = co_await http_.send(std::move(request), deadline);
        if (!response)
            log::debug("mcp.client.post_failed",
                       {{"server", options_.server_name}, {"why", response.error().message()}});
    }

    // One long stream of what the server has to say: GET in the legacy era, subscriptions/listen in the modern one.
    Task<> listen() {
        Millis pause = kFirstPause;
        Tail tail;
        while (is_open()) {
            const SteadyTime started = steady_now();
            const bool offered = co_await listen_once(tail);
            if (!offered) co_return;
            if (steady_now() - started > kLongestPause) pause = kFirstPause;
            const Result<> slept = co_await io::sleep_for(std::max(pause, tail.retry));
            if (!slept) co_return;
            pause = std::min(pause * 2, kLongestPause);
        }
    }

    Task<bool> listen_once(Tail& tail) {
        const Millis forever = std::chrono::hours(24 * 365);
        Ask ask{.method = "subscriptions/listen", .patience = Patience::connecting(forever, steady_now())};
        jsonrpc::RequestId id(std::string("none"));
        io::HttpRequest request;
        if (facts_.era == Era::modern) {
            json::object params{{"notifications", json::object{{"toolsListChanged", true}}}};
            auto prepared = session_.prepare(ask.method, std::move(params), ask.meta, false);
            if (!prepared) co_return false;
            id = prepared->id;
            request = make_post(ask.method, *prepared, "");
        } else {
            request = make_request("GET", "");
            if (!tail.last_id.empty()) request.headers.set("Last-Event-ID", tail.last_id);
        }
        const Deadline headers_by = Deadline::after(options_.timeouts.request);
        auto stream = co_await http_.open(std::move(request), headers_by);
        bool offered = true;
        if (stream && (*stream)->status() == 200 && is_event_stream((*stream)->headers())) {
            std::optional<Outcome> outcome;
            (void)co_await read_stream(**stream, ask, id, tail, outcome);
        } else if (stream) {
            offered = (*stream)->status() >= 500;  // 405 and the like: it has no such stream
        }
        session_.abandon(id);
        co_return offered;
    }

    io::HttpClient& http_;
    HttpTarget target_;
    std::string session_id_;
    std::map<std::string, std::vector<MirroredParam>> mirrored_;  // by tool
    io::TaskGroup tasks_;
    io::Event closed_;
};

}  // namespace

Task<Result<std::unique_ptr<Client>>> Client::over_http(io::Runtime& runtime, io::HttpClient& http, HttpTarget target,
                                                        ClientOptions options) {
    auto client = std::make_unique<HttpClientEnd>(runtime, http, std::move(target), std::move(options));
    const Result<> opened = co_await client->handshake();
    if (!opened) {
        co_await client->close();
        co_return Failure(opened.error());
    }
    co_return std::unique_ptr<Client>(std::move(client));
}

}  // namespace pincer::mcp
