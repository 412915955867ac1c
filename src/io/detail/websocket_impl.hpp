// How the HTTP server and the connector get a WebSocket over a connection that they have opened.
#pragma once

#include <functional>
#include <memory>

#include "io/detail/net_stream.hpp"
#include "io/http_server.hpp"
#include "io/websocket.hpp"

namespace pincer::io::detail {

// The part of a live WebSocket that its server keeps an eye on, to close it when it stops.
class WsConnection {
public:
    virtual ~WsConnection() = default;
    virtual Task<> close_with(std::uint16_t code, std::string reason) = 0;
};

// A connection's place in the limits of its server.
class ServerPlace {
public:
    virtual ~ServerPlace() = default;
    // The peer has shown who it is: no longer one of the strangers.
    virtual void vouch() = 0;
    // How the connection is closed at once, should the place be needed.
    virtual void on_cut(std::function<void()> cut) = 0;
};

struct AcceptedWebSocket {
    std::unique_ptr<WebSocket> socket;
    std::weak_ptr<WsConnection> connection;
};

// `place` is held until the connection is closed: its place in the server's limits. Errors: protocol (no proper
// handshake; the client was told), unavailable, timed_out.
Task<Result<AcceptedWebSocket>> accept_websocket(NetStream stream, const ServerRequest& request, Headers extra,
                                                 std::size_t max_message_bytes, std::shared_ptr<ServerPlace> place);

// The client's side. Errors: unavailable (also when the answer is not 101: reason HTTP_<status>), timed_out, protocol.
Task<Result<std::unique_ptr<WebSocket>>> open_websocket(NetStream stream, Url url, WsConnectOptions options,
                                                        Deadline deadline);

}  // namespace pincer::io::detail
