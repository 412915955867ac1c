#include "io/detail/net_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace pincer::io::detail {

namespace {
constexpr std::size_t kFirstBlock = 4 << 10;
constexpr std::size_t kKeptBlock = 64 << 10;

// In TLS 1.3 a client may speak before the server has judged its certificate; the verdict is an alert in place of the
// first answer (RFC 8446 §6.2). The server has then read nothing of what was said.
bool refuses_client(const ErrorCodeAsio& ec) {
    constexpr int kAlerts = 1000;  // where OpenSSL's reasons for alerts start
    constexpr int kRefusals[] = {SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_REVOKED,
                                 SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_CERTIFICATE_UNKNOWN,     SSL_AD_UNKNOWN_CA,
                                 SSL_AD_ACCESS_DENIED,       SSL_AD_CERTIFICATE_REQUIRED};
    const int reason = ERR_GET_REASON(static_cast<unsigned long>(ec.value()));
    return std::ranges::any_of(kRefusals, [&](int alert) { return reason == kAlerts + alert; });
}
}  // namespace

Error stream_error(const ErrorCodeAsio& ec, std::string_view doing, ErrorCode otherwise) {
    if (ec == asio::ssl::error::stream_truncated) {
        return Error(ErrorCode::unavailable,
                     fmt::format("{}: the other side closed the connection without ending TLS", doing));
    }
    if (ec.category() != asio::error::get_ssl_category()) return error_from(ec, doing, otherwise);
    Error error(ErrorCode::unavailable, fmt::format("{}: TLS failed: {}", doing, ec.message()));
    return refuses_client(ec) ? std::move(error).with_reason("TLS_FAILED") : error;
}

std::span<char> ReadBuffer::prepare(std::size_t wanted) {
    if (capacity_ - end_ < wanted) {
        const std::size_t used = size();
        if (capacity_ >= used + wanted) {
            std::memmove(bytes_.get(), bytes_.get() + begin_, used);
        } else {
            const std::size_t capacity = std::max({used + wanted, capacity_ * 2, kFirstBlock});
            auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
            if (used > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, used);
            bytes_ = std::move(bytes);
            capacity_ = capacity;
        }
        begin_ = 0;
        end_ = used;
    }
    return {bytes_.get() + end_, capacity_ - end_};
}

void ReadBuffer::consume(std::size_t n) {
    begin_ += n;
    if (begin_ != end_) return;
    begin_ = end_ = 0;
    if (capacity_ > kKeptBlock) {
        bytes_.reset();
        capacity_ = 0;
    }
}

Task<Result<std::size_t>> NetStream::read(ReadBuffer& into, std::size_t wanted) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    const std::span<char> room = into.prepare(wanted);
    const asio::mutable_buffer buffer(room.data(), room.size());
    auto [ec, n] = co_await async_read_some(buffer, kAwait);
    // Not so a TLS peer that goes without a farewell: anybody on the way may have cut that connection.
    if (ec == asio::error::eof) co_return std::size_t(0);
    if (ec) co_return Failure(stream_error(ec, "reading"));
    into.commit(n);
    co_return n;
}

// What the kernel takes without waiting; the pieces are cut by it.
std::size_t NetStream::write_now(std::array<std::string_view, 2>& pieces) {
    std::array<iovec, 2> vectors;
    for (std::size_t i = 0; i < 2; ++i) vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = 2;
    const ssize_t sent = ::sendmsg(plain_->native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return 0;  // an error shows itself again in the asynchronous write
    std::size_t left = std::size_t(sent);
    for (std::string_view& piece : pieces) {
        const std::size_t cut = std::min(left, piece.size());
        piece.remove_prefix(cut);
        left -= cut;
    }
    return std::size_t(sent);
}

Task<Result<>> NetStream::write(std::string_view first, std::string_view second) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    std::array<std::string_view, 2> pieces{first, second};
    if (!tls_) {
        write_now(pieces);
        if (pieces[0].empty() && pieces[1].empty()) co_return Result<>();
    }
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(pieces[0]), asio::buffer(pieces[1])};
    if (tls_) {
        auto [ec, n] = co_await asio::async_write(*tls_, buffers, kAwait);
        if (ec) co_return Failure(stream_error(ec, "writing"));
    } else {
        auto [ec, n] = co_await asio::async_write(*plain_, buffers, kAwait);
        if (ec) co_return Failure(error_from(ec, "writing"));
    }
    co_return Result<>();
}

bool NetStream::is_stale() {
    char byte;
    const ssize_t n = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void NetStream::close() {
    ErrorCodeAsio ignored;
    socket().close(ignored);
}

void Watchdog::arm(NetStream& stream, SteadyTime at) {
    state_->stream = &stream;
    state_->at = at;
    state_->fired = false;
    if (at == SteadyTime::max()) return;
    if (!state_->waiting || at < state_->timer_at) wait(state_);
}

Watchdog::~Watchdog() {
    disarm();
    state_->timer.cancel();
}

void Watchdog::disarm() {
    state_->at = SteadyTime::max();
    state_->stream = nullptr;
}

void Watchdog::wait(std::shared_ptr<State> state) {
    state->waiting = true;
    state->timer_at = state->at;
    Timer& timer = state->timer;
    timer.expires_at(state->at);
    timer.async_wait([state = std::move(state)](const ErrorCodeAsio& ec) {
        if (ec) return;  // another wait took its place
        state->waiting = false;
        if (!state->stream) return;
        if (std::chrono::steady_clock::now() < state->at) return wait(state);
        state->fired = true;
        ErrorCodeAsio ignored;
        state->stream->socket().cancel(ignored);
        state->stream = nullptr;
    });
}

}  // namespace pincer::io::detail
