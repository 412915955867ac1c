// One open WebSocket over Beast: a read that outlives an impatient receive(), a bounded queue of writes, pings.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <deque>
#include <functional>

#include "io/detail/event_impl.hpp"
#include "io/detail/websocket_impl.hpp"

namespace pincer::io::detail {

namespace ws = boost::beast::websocket;

// Found by Beast through argument-dependent look-up. The close frames have been exchanged by now, so that nothing is
// worth waiting for.
void teardown(boost::beast::role_type role, NetStream& stream, boost::system::error_code& ec);
template <class Handler>
void async_teardown(boost::beast::role_type role, NetStream& stream, Handler&& handler);
inline void beast_close_socket(NetStream& stream) { stream.close(); }

class WsSession final : public WsConnection, public std::enable_shared_from_this<WsSession> {
public:
    using Stream = ws::stream<NetStream, false>;  // no permessage-deflate: it costs memory and brought CVEs

    WsSession(NetStream stream, std::shared_ptr<ServerPlace> place);
    ~WsSession() override;

    Stream& stream() { return stream_; }
    void set_max_message_bytes(std::size_t bytes) { stream_.read_message_max(bytes); }
    void set_max_buffered_bytes(std::size_t bytes) { max_buffered_ = bytes; }

    Task<Result<WsMessage>> receive(Deadline deadline);
    Task<Result<>> send(std::string text);
    Result<> post(std::shared_ptr<const std::string> text);
    Task<> close_with(std::uint16_t code, std::string reason) override;
    void keep_alive(Millis interval, Millis pong_within);
    void admit_peer() {
        if (place_) place_->vouch();
    }
    // Closes the connection at once; whoever waits gets `unavailable`.
    void abandon();

    WsClose close_status() const { return status_; }
    std::size_t buffered_bytes() const { return buffered_; }
    const std::string& remote_address() const { return remote_; }

private:
    // (Asio's any_completion_handler of 1.81 calls itself for ever when it is move-assigned.)
    using Waiter = std::move_only_function<void(ErrorCodeAsio)>;

    struct Outgoing {
        std::uint64_t number = 0;
        std::string own;                            // of send()
        std::shared_ptr<const std::string> shared;  // of post()
        Waiter waiter;

        const std::string& text() const { return shared ? *shared : own; }
    };

    void start_read();
    void on_read(const ErrorCodeAsio& ec);
    Task<Result<>> wait_for_read();
    Result<WsMessage> take_message();

    Result<> enqueue(Outgoing outgoing);
    void start_write();
    void on_write(const ErrorCodeAsio& ec);

    void start_close(std::uint16_t code, const std::string& reason);
    enum class Farewell { none, was_sent };
    void end(WsClose status, Farewell farewell = Farewell::none);
    void linger(std::size_t bytes_left);
    void note_close(const ErrorCodeAsio& ec);
    Failure ended_failure() const;

    void arm_keep_alive(SteadyTime at);
    void on_keep_alive();

    friend struct AwaitRead;
    friend struct AwaitWrite;

    Stream stream_;
    std::shared_ptr<ServerPlace> place_;
    std::string remote_;

    boost::beast::flat_buffer buffer_;
    Waiter reader_;
    std::uint64_t reads_ = 0;  // numbers the waits, so that a late cancellation does not hit the next one
    bool reading_ = false;
    bool has_read_ = false;
    ErrorCodeAsio read_error_;

    std::deque<Outgoing> outgoing_;  // the front is being written
    std::uint64_t writes_ = 0;
    std::size_t buffered_ = 0;
    std::size_t max_buffered_ = 16u << 20;

    bool closing_ = false;
    bool ended_ = false;
    WsClose status_{1006, ""};
    std::shared_ptr<Event::Impl> idle_;    // set while nothing waits to be written
    std::shared_ptr<Event::Impl> closed_;  // set once it is over

    std::unique_ptr<char[]> lingering_;
    Timer keep_alive_timer_;
    Millis ping_after_{0};
    Millis pong_within_{0};
    SteadyTime heard_;
    bool pinged_ = false;
};

template <class Handler>
void async_teardown(boost::beast::role_type role, NetStream& stream, Handler&& handler) {
    ErrorCodeAsio ec;
    teardown(role, stream, ec);
    asio::post(stream.get_executor(), boost::beast::bind_handler(std::forward<Handler>(handler), ErrorCodeAsio()));
}

}  // namespace pincer::io::detail
