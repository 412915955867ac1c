// HTTP/1.1 and WebSocket server on one port. Limits come before allocation: header bytes, body bytes, connections in
// all and per address, and a deadline for the head of a request.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/http_client.hpp"
#include "io/websocket.hpp"

namespace pincer::io {

struct ServerRequest {
    std::string method;
    std::string target;  // as sent, starts with '/'
    std::string path;    // percent-decoded, without the query; UTF-8, no "." or ".." segment, NUL or backslash (400)
    std::string query;   // without '?'
    Headers headers;
    std::string body;
    std::string remote_ip;
    std::uint16_t remote_port = 0;
    bool is_websocket_upgrade = false;
};

struct ServerResponse {
    int status = 200;
    Headers headers;  // Content-Length and Connection are ours to set
    std::string body;

    static ServerResponse text(int status, std::string body);
    static ServerResponse json(int status, std::string body);
};

// A body that is written piece by piece (SSE). Ends when it is dropped.
class BodyWriter {
public:
    virtual ~BodyWriter() = default;
    // Pieces of several writers do not mix. Fails with `unavailable` once the peer is gone.
    virtual Task<Result<>> write(std::string piece) = 0;
    // Completes when the peer goes away (a cancel in MCP). To be cancelled before the writer is dropped.
    virtual Task<Result<>> wait_closed() = 0;
};

// One exchange: the handler answers in exactly one of three ways. A handler that answers in none gets a 500.
class Exchange {
public:
    virtual ~Exchange() = default;
    virtual ServerRequest& request() = 0;
    // All three fail with `conflict` when the exchange has its answer already, or the handler has returned.
    virtual Task<Result<>> respond(ServerResponse response) = 0;
    virtual Task<Result<std::unique_ptr<BodyWriter>>> start_body(int status, Headers headers) = 0;
    // Host and Origin are the handler's to check first. Error: protocol when it is no proper handshake (RFC 6455 §4.2);
    // the connection is then closed.
    virtual Task<Result<std::unique_ptr<WebSocket>>> accept_websocket(Headers extra, std::size_t max_message_bytes) = 0;
};

using HttpHandler = std::function<Task<>(std::shared_ptr<Exchange>)>;

struct HttpServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the kernel chooses; see HttpServer::port()
    std::size_t max_head_bytes = 16u << 10;
    std::size_t max_body_bytes = 1u << 20;  // 413 beyond it
    std::size_t max_connections = 4096;
    std::size_t max_connections_per_ip = 1024;
    // Of these, so many may be strangers: HTTP requests, and WebSockets before admit_peer(). One more, and the oldest
    // of them is closed (of the same address, when that has its share), so that who is known by name always gets in. 0:
    // no limit of their own.
    std::size_t max_strangers = 0;
    std::size_t max_strangers_per_ip = 0;
    Millis head_timeout{15'000};
    Millis idle_timeout{75'000};
};

class HttpServer {
public:
    // Binds and listens before it returns. Errors: io with the address in the message (in use, not permitted).
    static Result<std::unique_ptr<HttpServer>> listen(Runtime& runtime, HttpServerOptions options, HttpHandler handler);
    virtual ~HttpServer() = default;
    virtual std::uint16_t port() const = 0;
    // Stops accepting, closes WebSockets with 1001, gives running exchanges until the deadline, cancels what is left.
    // To be awaited before the server is destroyed.
    virtual Task<> stop(Deadline deadline) = 0;
};

}  // namespace pincer::io
