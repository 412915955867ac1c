// One connection, plain or TLS: what HTTP and WebSocket, client and server, all stand on.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <array>
#include <optional>
#include <span>

#include "io/detail/runtime_impl.hpp"

namespace pincer::io::detail {

using tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using TlsStream = asio::ssl::stream<Socket>;

// As error_from(); what TLS says is `unavailable`, with reason TLS_FAILED when the peer refuses our side of the
// handshake.
Error stream_error(const ErrorCodeAsio& ec, std::string_view doing, ErrorCode otherwise = ErrorCode::io);

// The unread bytes of a connection. Grows to what one read may bring, and gives a large block back once it is empty.
class ReadBuffer {
public:
    std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }
    // Room for at least `wanted` bytes behind the data.
    std::span<char> prepare(std::size_t wanted);
    void commit(std::size_t n) { end_ += n; }
    void consume(std::size_t n);

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

class NetStream {
public:
    using executor_type = Executor;
    using IoResult = std::tuple<ErrorCodeAsio, std::size_t>;

    explicit NetStream(Socket socket) : plain_(std::move(socket)) {}
    explicit NetStream(std::unique_ptr<TlsStream> tls) : tls_(std::move(tls)) {}

    Executor get_executor() { return socket().get_executor(); }
    Socket& socket() { return tls_ ? tls_->next_layer() : *plain_; }
    bool is_tls() const { return tls_ != nullptr; }

    // For Beast.
    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
        return plain_->async_read_some(buffers, std::forward<Token>(token));
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
        return plain_->async_write_some(buffers, std::forward<Token>(token));
    }

    // For everybody else: compiled once, in net_stream.cpp.
    // One read into the buffer; 0 bytes and no error at the end. Errors: unavailable (also when TLS was cut off without
    // its farewell), cancelled, io.
    Task<Result<std::size_t>> read(ReadBuffer& into, std::size_t wanted);
    // All of both pieces, in one system call where the kernel takes them. They must outlive the task.
    Task<Result<>> write(std::string_view first, std::string_view second = {});
    // True when the peer has closed or sent something that nobody asked for: not fit for another request.
    bool is_stale();
    // At once, without TLS's farewell.
    void close();

private:
    std::size_t write_now(std::array<std::string_view, 2>& pieces);

    std::optional<Socket> plain_;
    std::unique_ptr<TlsStream> tls_;
};

// A point in time at which the pending operations of a socket are cancelled. Moving it later, which every request
// does, costs no timer operation: the one that runs looks again when it fires.
class Watchdog {
public:
    explicit Watchdog(const Executor& executor) : state_(std::make_shared<State>(executor)) {}
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    void arm(NetStream& stream, SteadyTime at);
    void disarm();
    bool fired() const { return state_->fired; }

private:
    struct State {
        explicit State(const Executor& executor) : timer(executor) {}
        Timer timer;
        NetStream* stream = nullptr;
        SteadyTime at = SteadyTime::max();
        SteadyTime timer_at = SteadyTime::max();
        bool waiting = false;
        bool fired = false;
    };
    static void wait(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;  // shared with the timer's handler, which may come after us
};

}  // namespace pincer::io::detail
