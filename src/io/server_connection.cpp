#include "io/detail/server_connection.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "io/detail/exchange.hpp"

namespace pincer::io::detail {

namespace {
constexpr std::size_t kReadBytes = 4 << 10;
constexpr std::size_t kBodyReadBytes = 32 << 10;
constexpr std::size_t kSlowestBytesPerSecond = 8 << 10;  // a body that comes slower than this is given up
constexpr Millis kLinger{2'000};
constexpr std::size_t kLingerBytes = 1 << 20;
}  // namespace

std::shared_ptr<Place> Place::take(std::shared_ptr<ServerState> state, const std::string& ip) {
    std::size_t& of_ip = state->places_of_ip[ip];
    if (state->places >= state->options.max_connections || of_ip >= state->options.max_connections_per_ip) {
        if (of_ip == 0) state->places_of_ip.erase(ip);
        return nullptr;
    }
    ++state->places;
    ++of_ip;
    std::shared_ptr<Place> place(new Place(state, ip));
    if (state->options.max_strangers > 0) {
        make_room(*state, ip);
        place->stranger_ = state->strangers.insert(state->strangers.end(), place.get());
        ++state->strangers_of_ip[ip];
    }
    return place;
}

// The newest stranger gets in and the oldest goes: half-open connections, however many, keep nobody out.
void Place::make_room(ServerState& state, const std::string& ip) {
    const std::size_t most_of_ip = state.options.max_strangers_per_ip;
    const auto of_ip = state.strangers_of_ip.find(ip);
    Place* oldest = nullptr;
    if (most_of_ip > 0 && of_ip != state.strangers_of_ip.end() && of_ip->second >= most_of_ip) {
        oldest = *std::ranges::find(state.strangers, ip, &Place::ip_);
    } else if (state.strangers.size() >= state.options.max_strangers) {
        oldest = state.strangers.front();
    }
    if (oldest) oldest->give_way();
}

void Place::give_way() {
    log::debug("http.stranger_cut", {{"ip", ip_}});
    vouch();  // off the list: it is on its way out
    if (const auto cut = std::exchange(cut_, nullptr)) cut();
}

void Place::vouch() {
    if (!stranger_) return;
    state_->strangers.erase(*stranger_);
    stranger_.reset();
    const auto of_ip = state_->strangers_of_ip.find(ip_);
    if (--of_ip->second == 0) state_->strangers_of_ip.erase(of_ip);
}

Place::~Place() {
    vouch();
    --state_->places;
    const auto of_ip = state_->places_of_ip.find(ip_);
    if (--of_ip->second == 0) state_->places_of_ip.erase(of_ip);
}

ServerConnection::ServerConnection(std::shared_ptr<ServerState> state, NetStream stream, std::string ip,
                                   std::uint16_t port, std::shared_ptr<Place> place)
    : state_(std::move(state)),
      stream_(std::move(stream)),
      watchdog_(state_->executor),
      ip_(std::move(ip)),
      port_(port),
      place_(std::move(place)) {
    state_->connections.insert(this);
}

ServerConnection::~ServerConnection() {
    state_->connections.erase(this);
    state_->changed->set();
}

void ServerConnection::cut() {
    if (stream_) stream_->close();
}

void ServerConnection::close_if_idle() {
    if (between_requests_ && stream_) stream_->close();
}

Failure ServerConnection::refusal(int status, ErrorCode code, std::string message) {
    refusal_status_ = status;
    return Failure(Error(code, std::move(message)));
}

Failure ServerConnection::refusal_of(const Error& error, bool head_done) {
    if (error.code() == ErrorCode::too_large) refusal_status_ = head_done ? 413 : 431;
    if (error.code() == ErrorCode::protocol) refusal_status_ = 400;
    return Failure(error);
}

Task<> ServerConnection::run(std::shared_ptr<ServerConnection> self) {
    co_await self->serve();
    self->watchdog_.disarm();
    if (self->stream_) self->stream_->close();
}

Task<> ServerConnection::serve() {
    for (;;) {
        Result<std::optional<ServerRequest>> request = co_await read_request();
        if (!request) {
            if (request.error().code() != ErrorCode::cancelled) co_await refuse(request.error().message());
            co_return;
        }
        if (!*request) co_return;
        const bool again = co_await handle(std::move(**request));
        if (!again) co_return;
    }
}

// False when the connection ended where it may: before the first byte of a request.
Task<Result<bool>> ServerConnection::read_head(HttpParser& parser) {
    between_requests_ = buffer_.empty();
    const Millis patience =
        std::exchange(had_request_, true) ? state_->options.idle_timeout : state_->options.head_timeout;
    watchdog_.arm(*stream_, std::chrono::steady_clock::now() + patience);
    bool head_has_deadline = false;
    for (;;) {
        if (!buffer_.empty()) {
            between_requests_ = false;
            const Result<std::size_t> taken = parser.feed(buffer_.data());
            if (!taken) co_return refusal_of(taken.error(), parser.head_done());
            buffer_.consume(*taken);
            if (parser.head_done()) co_return true;
            // Rare: most heads come in one piece, and then no timer is touched.
            if (!std::exchange(head_has_deadline, true)) {
                watchdog_.arm(*stream_, std::chrono::steady_clock::now() + state_->options.head_timeout);
            }
        }
        const bool idle = between_requests_;
        if (idle && state_->stopping) co_return false;
        const Result<std::size_t> n = co_await stream_->read(buffer_, kReadBytes);
        if (!n && watchdog_.fired() && !idle)
            co_return refusal(408, ErrorCode::timed_out, "the head of the request took too long");
        if (!n || *n == 0) co_return false;
    }
}

Task<Result<>> ServerConnection::read_body(HttpParser& parser) {
    if (parser.done()) co_return Result<>();
    const std::uint64_t expected = parser.head().content_length.value_or(state_->options.max_body_bytes);
    const auto allowed = state_->options.head_timeout + std::chrono::seconds(expected / kSlowestBytesPerSecond);
    watchdog_.arm(*stream_, std::chrono::steady_clock::now() + allowed);
    if (parser.head().headers.has("expect")) PINCER_CO_CHECK(co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n"));
    while (!parser.done()) {
        const Result<std::size_t> n = co_await stream_->read(buffer_, kBodyReadBytes);
        if (!n && watchdog_.fired())
            co_return refusal(408, ErrorCode::timed_out, "the body of the request took too long");
        if (!n || *n == 0) co_return cancelled_failure();  // nobody is left to tell
        const Result<std::size_t> taken = parser.feed(buffer_.data());
        if (!taken) co_return refusal_of(taken.error(), true);
        buffer_.consume(*taken);
    }
    co_return Result<>();
}

Result<> ServerConnection::check_head(HttpParser& parser) {
    const MessageHead& head = parser.head();
    if (const Result<> host = check_host(head); !host) return refusal_of(host.error(), true);
    if (head.content_length.value_or(0) > state_->options.max_body_bytes) {
        return refusal(413, ErrorCode::too_large,
                       fmt::format("the body is over {} bytes", state_->options.max_body_bytes));
    }
    const auto expect = head.headers.get("expect");
    if (expect && !iequals(*expect, "100-continue"))
        return refusal(417, ErrorCode::unsupported, "an expectation we do not know");
    return {};
}

Result<ServerRequest> ServerConnection::make_request(HttpParser& parser) {
    MessageHead& head = parser.head();
    Result<RequestTarget> target = split_target(head.target);
    if (!target) return refusal_of(target.error(), true);
    is_http10_ = head.is_http10;
    is_head_ = head.method == "HEAD";
    keep_alive_ = head.keep_alive;
    ServerRequest request;
    const auto upgrade = head.headers.get("upgrade");
    request.is_websocket_upgrade = head.upgrade && !is_http10_ && upgrade && iequals(*upgrade, "websocket");
    request.method = std::move(head.method);
    request.target = std::move(head.target);
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    request.headers = std::move(head.headers);
    request.body = std::move(parser.body());
    request.remote_ip = ip_;
    request.remote_port = port_;
    return request;
}

Task<Result<std::optional<ServerRequest>>> ServerConnection::read_request() {
    HttpParser parser = HttpParser::for_requests({state_->options.max_head_bytes, state_->options.max_body_bytes});
    PINCER_CO_TRY(const bool came, co_await read_head(parser));
    if (!came) co_return std::nullopt;
    PINCER_CO_CHECK(check_head(parser));
    PINCER_CO_CHECK(co_await read_body(parser));
    watchdog_.disarm();
    co_return make_request(parser);
}

// The answer of last resort, and the end of the connection.
Task<> ServerConnection::refuse(std::string message) {
    keep_alive_ = false;
    is_head_ = false;
    answer_ = Answer::none;
    ServerResponse response = ServerResponse::text(refusal_status_, message + "\n");
    watchdog_.arm(*stream_, std::chrono::steady_clock::now() + kLinger);
    const Result<> written = co_await write_response(std::move(response));
    if (written) co_await linger();
}

// Reads on for a moment: closing on unread bytes would make the kernel throw away the answer that was just written.
Task<> ServerConnection::linger() {
    ErrorCodeAsio ignored;
    stream_->socket().shutdown(tcp::socket::shutdown_send, ignored);
    watchdog_.arm(*stream_, std::chrono::steady_clock::now() + kLinger);
    for (std::size_t total = 0; total < kLingerBytes;) {
        buffer_.consume(buffer_.size());
        const Result<std::size_t> n = co_await stream_->read(buffer_, kBodyReadBytes);
        if (!n || *n == 0) co_return;
        total += *n;
    }
}

static Task<> run_handler(const HttpHandler& handler, std::shared_ptr<ExchangeImpl> exchange) {
    std::string bug;
    try {
        co_await handler(exchange);
    } catch (const std::exception& e) {
        bug = e.what();
    } catch (...) {
        bug = "an exception of unknown type";
    }
    if (!bug.empty()) log::error("http.handler_bug", {{"path", exchange->request().path}, {"message", bug}});
}

// True when another request may follow.
Task<bool> ServerConnection::handle(ServerRequest request) {
    answer_ = Answer::none;
    broken_ = false;
    auto exchange = std::make_shared<ExchangeImpl>(shared_from_this(), std::move(request));
    const std::weak_ptr<ExchangeImpl> late = exchange;
    co_await run_handler(state_->handler, std::move(exchange));
    if (answer_ == Answer::websocket) co_return false;
    if (answer_ == Answer::none) {
        ServerResponse response = ServerResponse::text(500, "The server has no answer: a bug.\n");
        keep_alive_ = false;
        (void)co_await write_response(std::move(response));
    }
    if (const auto kept = late.lock()) kept->expire();  // whoever holds on to it comes too late
    if (answer_ == Answer::body_open) {
        const Result<> dropped = co_await Event::Impl::wait(body_dropped_, Deadline::never());
        if (!dropped) co_return false;
        (void)co_await finish_body();
    }
    co_return keep_alive_ && !broken_ && !state_->stopping;
}

static bool may_have_body(int status) { return status / 100 != 1 && status != 204 && status != 304; }

Task<Result<>> ServerConnection::write_response(ServerResponse response) {
    answer_ = Answer::complete;
    if (state_->stopping) keep_alive_ = false;
    const Framing framing = may_have_body(response.status) ? Framing::length : Framing::none;
    const std::string head =
        write_response_head(response.status, response.headers, framing, response.body.size(), keep_alive_);
    const bool with_body = framing == Framing::length && !is_head_;
    std::string_view body;
    if (with_body) body = response.body;
    const Result<> written = co_await stream_->write(head, body);
    if (!written) broken_ = true;
    co_return written;
}

Task<Result<>> ServerConnection::finish_body() {
    answer_ = Answer::complete;
    PINCER_CO_CHECK(co_await Event::Impl::wait(body_free_, Deadline::never()));
    if (framing_ != Framing::chunked || broken_) co_return Result<>();
    const Result<> written = co_await stream_->write("0\r\n\r\n");
    if (!written) broken_ = true;
    co_return written;
}

}  // namespace pincer::io::detail
