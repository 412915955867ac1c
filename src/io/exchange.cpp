#include "io/detail/exchange.hpp"

#include <fmt/format.h>
#include <poll.h>

namespace pincer::io {

ServerResponse ServerResponse::text(int status, std::string body) {
    ServerResponse response;
    response.status = status;
    response.headers.add("Content-Type", "text/plain; charset=utf-8");
    response.body = std::move(body);
    return response;
}

ServerResponse ServerResponse::json(int status, std::string body) {
    ServerResponse response;
    response.status = status;
    response.headers.add("Content-Type", "application/json");
    response.body = std::move(body);
    return response;
}

namespace detail {

static Failure answered_already() { return PINCER_FAIL(conflict, "the request has its answer already"); }
static Failure peer_gone() { return PINCER_FAIL(unavailable, "the client closed the connection"); }

Task<Result<>> ExchangeImpl::respond(ServerResponse response) {
    if (!is_open()) co_return answered_already();
    const auto connection = connection_;
    co_return co_await connection->write_response(std::move(response));
}

Task<Result<std::unique_ptr<BodyWriter>>> ExchangeImpl::start_body(int status, Headers headers) {
    if (!is_open()) co_return answered_already();
    const auto connection = connection_;
    connection->framing_ = connection->is_http10_ ? Framing::until_close : Framing::chunked;
    if (connection->is_http10_ || connection->state_->stopping) connection->keep_alive_ = false;
    connection->answer_ = ServerConnection::Answer::body_open;
    connection->body_dropped_ = std::make_shared<Event::Impl>(connection->state_->executor);
    connection->body_free_ = std::make_shared<Event::Impl>(connection->state_->executor);
    connection->body_free_->set();
    std::unique_ptr<BodyWriter> writer = std::make_unique<ChunkWriter>(connection);
    const std::string head = write_response_head(status, headers, connection->framing_, 0, connection->keep_alive_);
    if (connection->is_head_) connection->framing_ = Framing::none;
    const Result<> written = co_await connection->stream_->write(head);
    if (!written) {
        connection->broken_ = true;
        co_return Failure(written.error());
    }
    co_return writer;
}

Task<Result<std::unique_ptr<WebSocket>>> ExchangeImpl::accept_websocket(Headers extra, std::size_t max_message_bytes) {
    if (!is_open()) co_return answered_already();
    const auto connection = connection_;
    // A client speaks only after our answer (RFC 6455 §4.1); bytes that are here already are something else.
    if (!request_.is_websocket_upgrade || !connection->buffer_.empty()) {
        co_return PINCER_FAIL(protocol, "the request is not a WebSocket handshake");
    }
    NetStream stream = std::move(*connection->stream_);
    connection->stream_.reset();
    connection->watchdog_.disarm();
    connection->answer_ = ServerConnection::Answer::websocket;
    auto accepted = co_await detail::accept_websocket(std::move(stream), request_, std::move(extra), max_message_bytes,
                                                      connection->place_);
    if (!accepted) co_return Failure(accepted.error());
    auto& websockets = connection->state_->websockets;
    std::erase_if(websockets, [](const auto& socket) { return socket.expired(); });
    websockets.push_back(accepted->connection);
    co_return std::move(accepted->socket);
}

ChunkWriter::~ChunkWriter() { connection_->body_dropped_->set(); }

// Nothing of the writer itself is used after the first wait: it may be dropped meanwhile.
Task<Result<>> ChunkWriter::write(std::string piece) {
    const auto connection = connection_;
    const auto free = connection->body_free_;
    if (piece.empty() || connection->framing_ == Framing::none) co_return Result<>();
    while (!free->is_set()) PINCER_CO_CHECK(co_await Event::Impl::wait(free, Deadline::never()));
    if (connection->broken_) co_return peer_gone();
    free->reset();
    std::string head;
    if (connection->framing_ == Framing::chunked) {
        head = fmt::format("{:x}\r\n", piece.size());
        piece += "\r\n";
    }
    const Result<> written = co_await connection->stream_->write(head, piece);
    connection->broken_ = !written;  // a chunk may have been cut
    free->set();
    if (written || written.error().code() == ErrorCode::cancelled) co_return written;
    co_return peer_gone();
}

// Without taking bytes: what a client sends meanwhile is its next request.
Task<Result<>> ChunkWriter::wait_closed() {
    const auto connection = connection_;
    for (;;) {
        const auto state = co_await asio::this_coro::cancellation_state;
        if (is_cancelled(state)) co_return cancelled_failure();
        if (connection->broken_) co_return Result<>();
        Socket& socket = connection->stream_->socket();
        auto [ec] = co_await socket.async_wait(tcp::socket::wait_read, kAwait);
        if (ec == asio::error::operation_aborted) co_return cancelled_failure();
        pollfd look{socket.native_handle(), POLLRDHUP, 0};
        const bool closed = ec || (::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
        if (closed) {
            connection->broken_ = true;
            co_return Result<>();
        }
        // Readable and not closed: bytes of a next request lie there, and readiness tells no more. Look now and then.
        PINCER_CO_CHECK(co_await sleep_for(Millis(250)));
    }
}

}  // namespace detail
}  // namespace pincer::io
