// One WebSocket connection (RFC 6455), either end. Text and binary messages are whole; fragments are put together
// within the limit; pings are answered. Reads and writes may overlap; two reads or two writes at once may not (writes
// queue themselves).
#pragma once

#include <memory>
#include <string>

#include "io/http_client.hpp"

namespace pincer::io {

struct WsMessage {
    std::string data;
    bool binary = false;
};

struct WsClose {
    std::uint16_t code = 1005;  // 1005: none was given; 1006: the connection broke
    std::string reason;
};

class WebSocket {
public:
    virtual ~WebSocket() = default;
    // The next message. One that timed out (READ_TIMEOUT) or was cancelled loses nothing: the next call goes on. After
    // a close it fails with `unavailable` and close_status() says how it went. A message over the limit closes with
    // 1009 and fails with too_large.
    virtual Task<Result<WsMessage>> receive(Deadline deadline = Deadline::never()) = 0;
    // Text message. Completes once handed to the kernel. Fails with too_large when more than the buffer limit waits
    // (a peer that does not read), which also closes with 1008.
    virtual Task<Result<>> send(std::string text) = 0;
    // Queues without waiting; the same limit. For fan-out of one text to many.
    virtual Result<> post(std::shared_ptr<const std::string> text) = 0;
    virtual Task<> close(std::uint16_t code, std::string reason) = 0;
    virtual WsClose close_status() const = 0;
    virtual std::size_t buffered_bytes() const = 0;
    // From now on messages may have this size (64 KiB before a handshake, more after it).
    virtual void set_max_message_bytes(std::size_t bytes) = 0;
    virtual void set_max_buffered_bytes(std::size_t bytes) = 0;
    // Ping after `interval` of silence, close when nothing came for `pong_within` after it. Off until called.
    virtual void keep_alive(Millis interval, Millis pong_within) = 0;
    virtual std::string remote_address() const = 0;
    // The peer has shown who it is: it does not count among the strangers of its server any more (HttpServerOptions).
    virtual void admit_peer() {}
};

struct WsConnectOptions {
    Headers headers;
    std::string subprotocol;
    EgressPolicy egress;
    std::shared_ptr<TlsContext> tls;
    std::size_t max_message_bytes = 32u << 20;
};

class WebSocketConnector {
public:
    virtual ~WebSocketConnector() = default;
    // Errors: as HttpClient::send; an answer other than 101 is `unavailable` with reason HTTP_<status>.
    virtual Task<Result<std::unique_ptr<WebSocket>>> connect(Url url, WsConnectOptions options, Deadline deadline) = 0;
};
std::unique_ptr<WebSocketConnector> make_websocket_connector(Runtime& runtime);

}  // namespace pincer::io
