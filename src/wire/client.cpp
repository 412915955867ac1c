#include "wire/client.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace pincer::wire {
namespace {

constexpr std::uint16_t kCloseNormal = 1000;
constexpr std::uint16_t kCloseTickSilence = 4000;

Error lost(std::string why) { return Error(ErrorCode::unavailable, std::move(why)).with_reason("CONNECTION_LOST"); }

}  // namespace

bool is_fatal(const Error& error) {
    switch (error.code()) {
        case ErrorCode::unauthenticated:
        case ErrorCode::forbidden:
        case ErrorCode::refused:
        case ErrorCode::unsupported:
        case ErrorCode::invalid_argument: return true;
        default: return false;
    }
}

Millis Backoff::next(crypto::Random& random) {
    const unsigned doublings = std::min(failures_++, 16u);
    const std::int64_t full = std::min(first_.count() << doublings, max_.count());
    return Millis(full - std::int64_t(random.below(std::uint64_t(full / 5 + 1))));
}

class Client::Impl {
public:
    Impl(io::Runtime& runtime, io::WebSocketConnector& connector, const Clock& clock, crypto::Random& random,
         ClientOptions options, ClientObserver& observer)
        : connector_(connector),
          clock_(clock),
          random_(random),
          options_(std::move(options)),
          observer_(observer),
          backoff_(options_.first_backoff, options_.max_backoff),
          runtime_(runtime),
          tasks_(runtime),
          ready_(runtime),
          stopping_(runtime) {}

    Task<Result<>> run();
    void stop();
    Task<Result<>> ready(Deadline deadline);
    Task<Result<json::value>> call(std::string method, json::value params, Deadline deadline);

    bool up = false;
    std::optional<Hello> hello;

private:
    struct Pending {
        explicit Pending(io::Runtime& runtime) : done(runtime) {}
        io::Event done;
        std::optional<Result<json::value>> answer;
    };

    Task<Result<>> serve_once();
    Task<Result<Hello>> shake_hands(Deadline deadline);
    Task<Result<>> send_connect(Challenge challenge, std::string id);
    Task<Result<ServerFrame>> receive(Deadline deadline);
    Task<Error> read_until_broken();
    Task<> announce();
    Task<> close_socket(std::uint16_t code, std::string reason);
    Result<ConnectParams> connect_params(const Challenge& challenge);
    void take(ServerFrame frame);
    void remember_token();
    void fail_all(const Error& error);
    void go_down();
    std::string next_id();

    io::WebSocketConnector& connector_;
    const Clock& clock_;
    crypto::Random& random_;
    ClientOptions options_;
    ClientObserver& observer_;
    Backoff backoff_;
    io::Runtime& runtime_;
    io::TaskGroup tasks_;  // what belongs to one connection
    io::Event ready_;      // set while up, and for good once `over_`
    io::Event stopping_;
    std::unique_ptr<io::WebSocket> socket_;
    std::unordered_map<std::string, std::shared_ptr<Pending>> pending_;
    std::optional<Error> over_;  // run() has ended with this
    std::optional<Error> announce_failed_;
    std::uint64_t sent_ = 0;
};

std::string Client::Impl::next_id() { return fmt::format("{}:{}", ++sent_, random_.uuid()); }

Task<Result<>> Client::Impl::run() {
    while (!stopping_.is_set()) {
        const Result<> served = co_await serve_once();
        go_down();
        if (stopping_.is_set()) break;
        const Error error = served ? lost("the Gateway closed the connection") : served.error();
        fail_all(error);
        if (error.code() == ErrorCode::cancelled || !options_.reconnect || is_fatal(error)) {
            over_ = error;
            ready_.set();
            co_return Failure(error);
        }
        Millis wait = backoff_.next(random_);
        if (error.retry_after()) wait = std::clamp(*error.retry_after(), Millis(0), options_.max_backoff);
        observer_.on_down(error, wait);
        const Result<> slept = co_await stopping_.wait(Deadline::after(wait));
        if (!slept && slept.error().code() == ErrorCode::cancelled) co_return Failure(slept.error());
    }
    over_ = Error(ErrorCode::cancelled, "the client was stopped");
    fail_all(*over_);
    ready_.set();
    co_return Result<>();
}

void Client::Impl::stop() {
    stopping_.set();
    if (socket_) tasks_.spawn(close_socket(kCloseNormal, ""));
}

Task<> Client::Impl::close_socket(std::uint16_t code, std::string reason) {
    if (socket_) co_await socket_->close(code, std::move(reason));
}

// One connection from dial to break. Always ends with an error that says why, or with success after stop().
Task<Result<>> Client::Impl::serve_once() {
    const Deadline deadline = Deadline::after(options_.connect_timeout);
    io::WsConnectOptions options;
    options.egress = options_.egress;
    options.max_message_bytes = kMaxPayloadBytes;
    auto connected = co_await connector_.connect(options_.url, options, deadline);
    if (!connected) co_return Failure(std::move(connected).error());
    socket_ = std::move(*connected);

    auto shaken = co_await shake_hands(deadline);
    if (!shaken) {
        co_await close_socket(kCloseNormal, "");
        co_await tasks_.stop();
        socket_.reset();
        co_return Failure(std::move(shaken).error());
    }
    hello = std::move(*shaken);
    remember_token();
    announce_failed_.reset();
    tasks_.spawn(announce());
    Error why = co_await read_until_broken();
    go_down();
    fail_all(why);  // wakes announce() if it waits for an answer
    co_await tasks_.stop();
    socket_.reset();
    if (stopping_.is_set()) co_return Result<>();
    if (announce_failed_) why = *announce_failed_;
    co_return Failure(std::move(why));
}

Task<> Client::Impl::announce() {
    const Hello& greeted = *hello;
    const Result<> prepared = co_await observer_.on_connected(greeted);
    if (!prepared) {
        announce_failed_ = prepared.error();
        co_await close_socket(kCloseNormal, "");
        co_return;
    }
    if (!socket_ || stopping_.is_set()) co_return;
    up = true;
    backoff_.reset();
    ready_.set();
}

Task<Result<ServerFrame>> Client::Impl::receive(Deadline deadline) {
    PINCER_CO_TRY(io::WsMessage message, co_await socket_->receive(deadline));
    co_return parse_server_frame(message.data);
}

Result<ConnectParams> Client::Impl::connect_params(const Challenge& challenge) {
    ConnectParams params = options_.connect;
    params.auth.token = options_.token;
    params.auth.password = options_.password;
    if (options_.device) {
        const Secret own = options_.device->token_for(options_.url.origin());
        if (params.auth.empty() && !own.empty()) {
            params.auth.device_token = own;
            params.auth.token = own;  // what the signature covers, as the original sends it
        }
        // The challenge's own time: our clock may be wrong, the server's is what counts.
        const std::int64_t signed_at = challenge.ts > 0 ? challenge.ts : to_millis(clock_.wall());
        sign_device(params, options_.device->key(), challenge.nonce, signed_at);
    }
    return params;
}

Task<Result<>> Client::Impl::send_connect(Challenge challenge, std::string id) {
    PINCER_CO_TRY(const ConnectParams params, connect_params(challenge));
    std::string text = write_request(id, "connect", to_json(params));
    co_return co_await socket_->send(std::move(text));
}

Task<Result<Hello>> Client::Impl::shake_hands(Deadline deadline) {
    const std::string id = next_id();
    bool challenged = false;
    while (true) {
        auto received = co_await receive(deadline);
        if (!received) {
            Error error = std::move(received).error();
            if (error.code() == ErrorCode::timed_out)
                error = Error(ErrorCode::timed_out, challenged ? "the Gateway did not answer connect in time"
                                                               : "the Gateway sent no challenge in time");
            if (error.code() == ErrorCode::unavailable) {
                const io::WsClose close = socket_->close_status();
                error = lost(fmt::format("the Gateway closed the connection during the handshake (code {}{}{})",
                                         close.code, close.reason.empty() ? "" : ": ", close.reason));
            }
            co_return Failure(std::move(error));
        }
        ServerFrame& frame = *received;
        if (frame.kind == ServerFrame::Kind::event && frame.event.event == "connect.challenge" && !challenged) {
            PINCER_CO_TRY(Challenge challenge, Challenge::parse(frame.event.payload));
            challenged = true;
            PINCER_CO_CHECK(co_await send_connect(std::move(challenge), id));
        } else if (frame.kind == ServerFrame::Kind::response && frame.response.id == id) {
            if (!frame.response.ok) co_return Failure(from_wire(frame.response.error));
            co_return Hello::parse(frame.response.payload);
        }
    }
}

// Any frame is a sign of life; a Gateway sends at least its tick.
Task<Error> Client::Impl::read_until_broken() {
    const Millis silence(2 * hello->tick_interval_ms);
    while (true) {
        auto received = co_await receive(Deadline::after(silence));
        if (received) {
            take(std::move(*received));
            continue;
        }
        Error error = std::move(received).error();
        if (error.code() == ErrorCode::protocol) {
            log::debug("wire.frame_ignored", {{"why", error.message()}});
            continue;
        }
        if (error.code() == ErrorCode::timed_out) {
            co_await close_socket(kCloseTickSilence, "tick timeout");
            co_return lost(fmt::format("the Gateway has been silent for {}", format_duration(silence)));
        }
        if (error.code() == ErrorCode::cancelled) {
            co_await close_socket(kCloseNormal, "");
            co_return error;
        }
        const io::WsClose close = socket_->close_status();
        co_return lost(fmt::format("the Gateway closed the connection (code {}{}{})", close.code,
                                   close.reason.empty() ? "" : ": ", close.reason));
    }
}

void Client::Impl::take(ServerFrame frame) {
    if (frame.kind == ServerFrame::Kind::event) return observer_.on_event(frame.event);
    if (frame.kind != ServerFrame::Kind::response) return;
    const auto at = pending_.find(frame.response.id);
    if (at == pending_.end()) return;  // its caller has given up
    const auto waiting = at->second;
    pending_.erase(at);
    if (frame.response.ok) {
        waiting->answer.emplace(std::move(frame.response.payload));
    } else {
        waiting->answer.emplace(Failure(from_wire(frame.response.error)));
    }
    waiting->done.set();
}

void Client::Impl::go_down() {
    up = false;
    ready_.reset();
}

void Client::Impl::fail_all(const Error& error) {
    for (auto& [id, waiting] : std::exchange(pending_, {})) {
        waiting->answer.emplace(Failure(lost(error.message())));
        waiting->done.set();
    }
}

void Client::Impl::remember_token() {
    if (!options_.device || hello->device_token.empty()) return;
    if (auto kept = options_.device->keep_token(options_.url.origin(), hello->device_token); !kept) {
        log::failure(log::Level::warn, "wire.device_token_not_kept", kept.error());
    }
}

Task<Result<>> Client::Impl::ready(Deadline deadline) {
    while (!up) {
        if (over_) co_return Failure(*over_);
        const Result<> waited = co_await ready_.wait(deadline);
        if (waited) continue;
        if (waited.error().code() == ErrorCode::timed_out)
            co_return PINCER_FAIL(timed_out, "the Gateway at {} could not be reached in time", options_.url.origin());
        co_return waited;
    }
    co_return Result<>();
}

Task<Result<json::value>> Client::Impl::call(std::string method, json::value params, Deadline deadline) {
    if (!socket_ || !hello) co_return Failure(lost("not connected to the Gateway"));
    const Millis allowed = deadline.left();
    const std::string id = next_id();
    const auto waiting = std::make_shared<Pending>(runtime_);
    pending_.emplace(id, waiting);
    std::string text = write_request(id, method, params);
    const Result<> sent = socket_->post(std::make_shared<const std::string>(std::move(text)));
    if (!sent) {
        pending_.erase(id);
        co_return Failure(sent.error());
    }
    const Result<> waited = co_await waiting->done.wait(deadline);
    if (waiting->answer) co_return std::move(*waiting->answer);
    pending_.erase(id);
    if (waited.error().code() == ErrorCode::timed_out)
        co_return PINCER_FAIL(timed_out, "{} timed out after {}", method, format_duration(allowed));
    co_return Failure(waited.error());
}

Client::Client(io::Runtime& runtime, io::WebSocketConnector& connector, const Clock& clock, crypto::Random& random,
               ClientOptions options, ClientObserver& observer)
    : impl_(std::make_unique<Impl>(runtime, connector, clock, random, std::move(options), observer)) {}
Client::~Client() = default;
Task<Result<>> Client::run() { return impl_->run(); }
void Client::stop() { impl_->stop(); }
Task<Result<>> Client::ready(Deadline deadline) { return impl_->ready(deadline); }
bool Client::is_ready() const { return impl_->up; }
const Hello& Client::hello() const {
    PINCER_ASSERT(impl_->hello.has_value(), "asked for the hello of a client that was never connected");
    return *impl_->hello;
}
Task<Result<json::value>> Client::call(std::string method, json::value params, Deadline deadline) {
    return impl_->call(std::move(method), std::move(params), deadline);
}

}  // namespace pincer::wire
