#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/http/empty_body.hpp>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "io/detail/ws_session.hpp"

namespace pincer::io::detail {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {
constexpr Millis kCloseTimeout{3'000};
constexpr std::string_view kWaiting = "waiting for a message";
constexpr std::chrono::seconds kHandshakeTimeout{15};
constexpr std::size_t kKeptReadBuffer = 64 << 10;
constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kLingerBytes = 4 << 20;
constexpr std::size_t kLingerPiece = 16 << 10;
constexpr std::size_t kMaxReasonBytes = 123;  // RFC 6455 §5.5: a control frame holds 125

std::string address_of(Socket& socket) {
    ErrorCodeAsio ec;
    const auto endpoint = socket.remote_endpoint(ec);
    return ec ? std::string() : endpoint.address().to_string();
}
}  // namespace

void teardown(beast::role_type, NetStream& stream, ErrorCodeAsio& ec) {
    stream.socket().shutdown(tcp::socket::shutdown_send, ec);
}

WsSession::WsSession(NetStream stream, std::shared_ptr<ServerPlace> place)
    : stream_(std::move(stream)),
      place_(std::move(place)),
      remote_(address_of(stream_.next_layer().socket())),
      idle_(std::make_shared<Event::Impl>(stream_.get_executor())),
      closed_(std::make_shared<Event::Impl>(stream_.get_executor())),
      keep_alive_timer_(stream_.get_executor()) {
    ws::stream_base::timeout limits{};
    limits.handshake_timeout = kHandshakeTimeout;
    limits.idle_timeout = ws::stream_base::none();
    limits.keep_alive_pings = false;
    stream_.set_option(limits);
    stream_.auto_fragment(false);
    stream_.text(true);
    stream_.control_callback([this](ws::frame_type, beast::string_view) { heard_ = std::chrono::steady_clock::now(); });
    idle_->set();
}

WsSession::~WsSession() = default;

Failure WsSession::ended_failure() const {
    return PINCER_FAIL(unavailable, "the WebSocket is closed ({}{}{})", status_.code, status_.reason.empty() ? "" : " ",
                       strip_control(sanitize_utf8(status_.reason)));
}

// Once: the first reason is the one that counts.
void WsSession::end(WsClose status, Farewell farewell) {
    if (std::exchange(ended_, true)) return;
    status_ = std::move(status);
    keep_alive_timer_.cancel();
    closed_->set();
    if (farewell == Farewell::none) return stream_.next_layer().close();
    keep_alive_timer_.expires_after(kLinger);
    keep_alive_timer_.async_wait(
        [self = shared_from_this()](const ErrorCodeAsio&) { self->stream_.next_layer().close(); });
    lingering_ = std::make_unique_for_overwrite<char[]>(kLingerPiece);
    linger(kLingerBytes);
}

// Closing on unread bytes would make the kernel drop the close frame that tells the peer why: read them first.
void WsSession::linger(std::size_t bytes_left) {
    Socket& socket = stream_.next_layer().socket();
    socket.async_read_some(asio::buffer(lingering_.get(), kLingerPiece),
                           [self = shared_from_this(), bytes_left](const ErrorCodeAsio& ec, std::size_t n) {
                               if (!ec && n < bytes_left) return self->linger(bytes_left - n);
                               self->keep_alive_timer_.cancel();
                           });
}

void WsSession::abandon() {
    WsClose status;
    status.code = 1006;
    end(std::move(status));
}

// --- reading

// Waits for the end of the read that runs; giving up the wait leaves the read running, for the next receive().
struct AwaitRead {
    std::shared_ptr<WsSession> session;

    template <class Handler>
    void operator()(Handler handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        session->reader_ = WsSession::Waiter(std::move(handler));
        const std::uint64_t number = ++session->reads_;
        if (!slot.is_connected()) return;
        slot.assign([weak = std::weak_ptr(session), number](asio::cancellation_type) {
            const auto alive = weak.lock();
            if (!alive) return;
            asio::post(alive->stream_.get_executor(), [alive, number] {
                if (alive->reads_ != number || !alive->reader_) return;
                std::exchange(alive->reader_, nullptr)(asio::error::operation_aborted);
            });
        });
    }
};

void WsSession::start_read() {
    reading_ = true;
    stream_.async_read(buffer_,
                       [self = shared_from_this()](const ErrorCodeAsio& ec, std::size_t) { self->on_read(ec); });
}

void WsSession::on_read(const ErrorCodeAsio& ec) {
    reading_ = false;
    has_read_ = true;
    read_error_ = ec;
    if (ping_after_.count() > 0) heard_ = std::chrono::steady_clock::now();
    if (ec) note_close(ec);
    if (reader_) std::exchange(reader_, nullptr)(ErrorCodeAsio());
}

void WsSession::note_close(const ErrorCodeAsio& ec) {
    WsClose status;
    status.code = 1006;
    if (ec == ws::error::closed) {
        status.code = stream_.reason().code;
        status.reason = std::string(stream_.reason().reason.c_str());
    } else if (ec == ws::error::message_too_big || ec == ws::error::buffer_overflow) {
        status.code = 1009;
    } else if (ec == ws::error::bad_frame_payload) {
        status.code = 1007;
    } else if (ec.category() == ws::make_error_code(ws::error::closed).category()) {
        status.code = 1002;
    }
    const bool we_refused = status.code == 1009 || status.code == 1007 || status.code == 1002;
    end(std::move(status), we_refused && ec != ws::error::closed ? Farewell::was_sent : Farewell::none);
}

Task<Result<>> WsSession::wait_for_read() {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    AwaitRead start{shared_from_this()};
    auto waiting = asio::async_initiate<const decltype(kAwait)&, void(ErrorCodeAsio)>(std::move(start), kAwait);
    auto [ec] = co_await std::move(waiting);
    if (ec) co_return cancelled_failure();
    co_return Result<>();
}

Result<WsMessage> WsSession::take_message() {
    has_read_ = false;
    if (read_error_) {
        if (read_error_ == ws::error::closed) return ended_failure();
        if (status_.code == 1009)
            return PINCER_FAIL(too_large, "a message is over the limit of {} bytes", stream_.read_message_max());
        if (status_.code == 1007 || status_.code == 1002)
            return PINCER_FAIL(protocol, "not acceptable WebSocket: {}", read_error_.message());
        return ended_failure();
    }
    WsMessage message;
    const auto bytes = buffer_.data();
    message.data.assign(static_cast<const char*>(bytes.data()), bytes.size());
    message.binary = stream_.got_binary();
    buffer_.consume(buffer_.size());
    if (buffer_.capacity() > kKeptReadBuffer) buffer_ = beast::flat_buffer();
    return message;
}

Task<Result<WsMessage>> WsSession::receive(Deadline deadline) {
    const auto self = shared_from_this();
    PINCER_ASSERT(!reader_, "one receive() at a time");
    if (!has_read_) {
        if (ended_) co_return ended_failure();
        if (!reading_) start_read();
        const Millis allowed = deadline.left();
        Result<> came = co_await with_deadline(wait_for_read(), deadline, kWaiting);
        if (!came && came.error().code() == ErrorCode::timed_out)
            co_return timed_out_failure(kWaiting, allowed, "READ_TIMEOUT");
        if (!came) co_return Failure(std::move(came).error());
    }
    co_return take_message();
}

// --- writing

struct AwaitWrite {
    std::shared_ptr<WsSession> session;
    std::uint64_t number;

    template <class Handler>
    void operator()(Handler handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        for (auto& outgoing : session->outgoing_) {
            if (outgoing.number == number) outgoing.waiter = WsSession::Waiter(std::move(handler));
        }
        if (!slot.is_connected()) return;
        slot.assign([weak = std::weak_ptr(session), number = number](asio::cancellation_type) {
            const auto alive = weak.lock();
            if (!alive) return;
            asio::post(alive->stream_.get_executor(), [alive, number] {
                for (auto& outgoing : alive->outgoing_) {
                    if (outgoing.number != number || !outgoing.waiter) continue;
                    return std::exchange(outgoing.waiter, nullptr)(asio::error::operation_aborted);
                }
            });
        });
    }
};

Result<> WsSession::enqueue(Outgoing outgoing) {
    if (ended_ || closing_) return ended_failure();
    const std::size_t size = outgoing.text().size();
    if (buffered_ + size > max_buffered_) {
        WsClose status;
        status.code = 1008;
        status.reason = "the peer does not read";
        end(std::move(status));  // a close frame would only wait behind the rest
        return PINCER_FAIL(too_large, "{} bytes wait for a peer that does not read", buffered_);
    }
    buffered_ += size;
    outgoing.number = ++writes_;
    outgoing_.push_back(std::move(outgoing));
    if (outgoing_.size() == 1) start_write();
    return {};
}

void WsSession::start_write() {
    idle_->reset();
    const std::string& text = outgoing_.front().text();
    stream_.async_write(asio::buffer(text),
                        [self = shared_from_this()](const ErrorCodeAsio& ec, std::size_t) { self->on_write(ec); });
}

void WsSession::on_write(const ErrorCodeAsio& ec) {
    std::deque<Outgoing> done;
    if (ec) {
        abandon();
        done.swap(outgoing_);  // none of them will be written
        buffered_ = 0;
    } else {
        buffered_ -= outgoing_.front().text().size();
        done.push_back(std::move(outgoing_.front()));
        outgoing_.pop_front();
        if (!outgoing_.empty()) start_write();
    }
    if (outgoing_.empty()) idle_->set();
    for (Outgoing& outgoing : done) {
        if (outgoing.waiter) outgoing.waiter(ec);
    }
}

Result<> WsSession::post(std::shared_ptr<const std::string> text) {
    Outgoing outgoing;
    outgoing.shared = std::move(text);
    return enqueue(std::move(outgoing));
}

Task<Result<>> WsSession::send(std::string text) {
    const auto self = shared_from_this();
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    Outgoing outgoing;
    outgoing.own = std::move(text);
    PINCER_CO_CHECK(enqueue(std::move(outgoing)));
    AwaitWrite start{self, writes_};
    auto waiting = asio::async_initiate<const decltype(kAwait)&, void(ErrorCodeAsio)>(std::move(start), kAwait);
    auto [ec] = co_await std::move(waiting);
    if (!ec) co_return Result<>();
    if (!ended_) co_return cancelled_failure();  // it is sent all the same: a frame cannot be taken back half-way
    co_return ended_failure();
}

// --- closing

void WsSession::start_close(std::uint16_t code, const std::string& reason) {
    ws::close_reason why(code);
    const std::string cut = truncate_utf8(reason, kMaxReasonBytes);
    why.reason.assign(cut.data(), cut.size());
    stream_.async_close(why, [self = shared_from_this(), code, cut](const ErrorCodeAsio& ec) {
        WsClose status;
        status.code = ec ? std::uint16_t(1006) : code;
        status.reason = cut;
        self->end(std::move(status));
    });
}

Task<> WsSession::close_with(std::uint16_t code, std::string reason) {
    const auto self = shared_from_this();
    const Deadline deadline = Deadline::after(kCloseTimeout);
    if (!ended_ && !std::exchange(closing_, true)) {
        const Result<> flushed = co_await Event::Impl::wait(idle_, deadline);
        if (flushed && !ended_) start_close(code, reason);
    }
    (void)co_await Event::Impl::wait(closed_, deadline);
    WsClose status;
    status.code = code;
    status.reason = std::move(reason);
    end(std::move(status));
}

// --- pings

void WsSession::keep_alive(Millis interval, Millis pong_within) {
    ping_after_ = interval;
    pong_within_ = pong_within;
    heard_ = std::chrono::steady_clock::now();
    pinged_ = false;
    arm_keep_alive(heard_ + interval);
    if (!reading_ && !has_read_ && !ended_) start_read();  // a pong is seen only by a read
}

void WsSession::arm_keep_alive(SteadyTime at) {
    keep_alive_timer_.expires_at(at);
    keep_alive_timer_.async_wait([weak = weak_from_this()](const ErrorCodeAsio& ec) {
        const auto self = weak.lock();
        if (!ec && self && !self->ended_) self->on_keep_alive();
    });
}

void WsSession::on_keep_alive() {
    const SteadyTime now = std::chrono::steady_clock::now();
    const SteadyTime silent_at = heard_ + ping_after_;
    if (now < silent_at || has_read_) {  // a message that nobody has taken yet stops the reading, not the peer
        pinged_ = false;
        arm_keep_alive(std::max(silent_at, now + Millis(1)));
        return;
    }
    if (pinged_) {
        log::debug("ws.no_pong", {{"remote", remote_}});
        return abandon();
    }
    pinged_ = true;
    stream_.async_ping({}, [self = shared_from_this()](const ErrorCodeAsio&) {});
    arm_keep_alive(now + pong_within_);
}

// --- what others hold

namespace {

class SocketHandle final : public WebSocket {
public:
    explicit SocketHandle(std::shared_ptr<WsSession> session) : session_(std::move(session)) {}
    ~SocketHandle() override { session_->abandon(); }

    Task<Result<WsMessage>> receive(Deadline deadline) override { return session_->receive(deadline); }
    Task<Result<>> send(std::string text) override { return session_->send(std::move(text)); }
    Result<> post(std::shared_ptr<const std::string> text) override { return session_->post(std::move(text)); }
    Task<> close(std::uint16_t code, std::string reason) override {
        return session_->close_with(code, std::move(reason));
    }
    WsClose close_status() const override { return session_->close_status(); }
    std::size_t buffered_bytes() const override { return session_->buffered_bytes(); }
    void set_max_message_bytes(std::size_t bytes) override { session_->set_max_message_bytes(bytes); }
    void set_max_buffered_bytes(std::size_t bytes) override { session_->set_max_buffered_bytes(bytes); }
    void keep_alive(Millis interval, Millis pong_within) override { session_->keep_alive(interval, pong_within); }
    void admit_peer() override { session_->admit_peer(); }
    std::string remote_address() const override { return session_->remote_address(); }

private:
    std::shared_ptr<WsSession> session_;  // shared with its running operations
};

template <class Message>
void add_fields(Message& message, const Headers& headers) {
    for (const auto& [name, value] : headers) message.insert(name, value);
}

}  // namespace

Task<Result<AcceptedWebSocket>> accept_websocket(NetStream stream, const ServerRequest& request, Headers extra,
                                                 std::size_t max_message_bytes, std::shared_ptr<ServerPlace> place) {
    http::request<http::empty_body> handshake;
    handshake.method_string(request.method);
    handshake.target(request.target);
    handshake.version(11);
    add_fields(handshake, request.headers);
    auto session = std::make_shared<WsSession>(std::move(stream), place);
    const std::weak_ptr<WsSession> cuttable = session;
    place->on_cut([cuttable] {
        const auto alive = cuttable.lock();
        if (alive) alive->abandon();
    });
    session->stream().set_option(
        ws::stream_base::decorator([extra](ws::response_type& response) { add_fields(response, extra); }));
    session->set_max_message_bytes(max_message_bytes);
    auto [ec] = co_await session->stream().async_accept(handshake, kAwait);
    AcceptedWebSocket accepted;
    accepted.connection = session;
    accepted.socket = std::make_unique<SocketHandle>(session);  // from here on it is closed when dropped
    if (ec == beast::error::timeout)
        co_return timed_out_failure("the WebSocket handshake", kHandshakeTimeout, "READ_TIMEOUT");
    if (ec) co_return Failure(error_from(ec, "the WebSocket handshake", ErrorCode::protocol));
    co_return accepted;
}

Task<Result<std::unique_ptr<WebSocket>>> open_websocket(NetStream stream, Url url, WsConnectOptions options,
                                                        Deadline deadline) {
    auto session = std::make_shared<WsSession>(std::move(stream), nullptr);
    std::unique_ptr<WebSocket> handle = std::make_unique<SocketHandle>(session);
    const Headers headers = std::move(options.headers);
    const std::string subprotocol = std::move(options.subprotocol);
    session->stream().set_option(ws::stream_base::decorator([headers, subprotocol](ws::request_type& request) {
        add_fields(request, headers);
        if (!subprotocol.empty()) request.set(http::field::sec_websocket_protocol, subprotocol);
    }));
    session->set_max_message_bytes(options.max_message_bytes);
    ws::response_type response;
    const std::string host = url.authority();
    Watchdog watchdog(session->stream().get_executor());
    watchdog.arm(session->stream().next_layer(), deadline.at());
    const Millis allowed = deadline.left();
    auto [ec] = co_await session->stream().async_handshake(response, host, url.target, kAwait);
    if (watchdog.fired() || ec == beast::error::timeout) {
        co_return timed_out_failure(fmt::format("waiting for the WebSocket handshake of {}", host), allowed,
                                    "ANSWER_TIMEOUT");
    }
    if (ec == ws::error::upgrade_declined) {
        const int status = int(response.result_int());
        co_return Failure(Error(ErrorCode::unavailable,
                                fmt::format("{} answered the WebSocket handshake with status {}", host, status))
                              .with_reason(fmt::format("HTTP_{}", status)));
    }
    if (ec)
        co_return Failure(stream_error(ec, fmt::format("the WebSocket handshake of {}", host), ErrorCode::protocol));
    co_return handle;
}

}  // namespace pincer::io::detail
