// One connection of the HTTP server: requests in, one at a time, answers out, until either side has had enough.
#pragma once

#include <list>
#include <set>
#include <unordered_map>

#include "io/detail/event_impl.hpp"
#include "io/detail/http_parser.hpp"
#include "io/detail/http_text.hpp"
#include "io/detail/net_stream.hpp"
#include "io/detail/websocket_impl.hpp"
#include "io/http_server.hpp"

namespace pincer::io::detail {

class Place;
class ServerConnection;

// What the connections of one server share. Outlives the server for as long as a WebSocket of it lives.
struct ServerState {
    ServerState(Executor executor_, HttpServerOptions options_, HttpHandler handler_)
        : executor(std::move(executor_)), options(std::move(options_)), handler(std::move(handler_)) {}

    Executor executor;
    HttpServerOptions options;
    HttpHandler handler;
    bool stopping = false;
    std::size_t places = 0;
    std::unordered_map<std::string, std::size_t> places_of_ip;
    std::list<Place*> strangers;  // oldest first
    std::unordered_map<std::string, std::size_t> strangers_of_ip;
    std::set<ServerConnection*> connections;
    std::vector<std::weak_ptr<WsConnection>> websockets;
    std::shared_ptr<Event::Impl> changed = std::make_shared<Event::Impl>(executor);  // a connection has ended
};

// One connection's share of the limits, given back when the last holder lets go.
class Place final : public ServerPlace {
public:
    static std::shared_ptr<Place> take(std::shared_ptr<ServerState> state,
                                       const std::string& ip);  // null: none is left
    ~Place() override;
    void vouch() override;
    void on_cut(std::function<void()> cut) override { cut_ = std::move(cut); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

private:
    Place(std::shared_ptr<ServerState> state, std::string ip) : state_(std::move(state)), ip_(std::move(ip)) {}
    static void make_room(ServerState& state, const std::string& ip);
    void give_way();

    std::shared_ptr<ServerState> state_;
    std::string ip_;
    std::function<void()> cut_;
    std::optional<std::list<Place*>::iterator> stranger_;
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
public:
    ServerConnection(std::shared_ptr<ServerState> state, NetStream stream, std::string ip, std::uint16_t port,
                     std::shared_ptr<Place> place);
    ~ServerConnection();

    static Task<> run(std::shared_ptr<ServerConnection> self);
    // At once, whatever it is doing.
    void cut();
    // Closes it when it is between two requests; else the running exchange is its last.
    void close_if_idle();

private:
    friend class ExchangeImpl;
    friend class ChunkWriter;

    // What stands between a request and its answer.
    enum class Answer { none, complete, body_open, websocket };

    // The next request; nothing when the connection is over. An error is answered with refusal_status_.
    Task<> serve();
    Task<Result<std::optional<ServerRequest>>> read_request();
    Task<Result<bool>> read_head(HttpParser& parser);
    Task<Result<>> read_body(HttpParser& parser);
    Result<> check_head(HttpParser& parser);
    Result<ServerRequest> make_request(HttpParser& parser);
    Failure refusal(int status, ErrorCode code, std::string message);
    Failure refusal_of(const Error& error, bool head_done);

    Task<bool> handle(ServerRequest request);
    Task<> refuse(std::string message);
    Task<> linger();

    Task<Result<>> write_response(ServerResponse response);
    Task<Result<>> finish_body();

    std::shared_ptr<ServerState> state_;
    std::optional<NetStream> stream_;  // gone once it has become a WebSocket
    Watchdog watchdog_;
    std::string ip_;
    std::uint16_t port_;
    std::shared_ptr<Place> place_;
    ReadBuffer buffer_;

    bool between_requests_ = false;
    bool had_request_ = false;
    bool keep_alive_ = false;
    bool is_http10_ = false;
    bool is_head_ = false;
    int refusal_status_ = 400;

    Answer answer_ = Answer::none;
    Framing framing_ = Framing::none;
    bool broken_ = false;                        // a write failed
    std::shared_ptr<Event::Impl> body_dropped_;  // set when the BodyWriter is gone
    std::shared_ptr<Event::Impl> body_free_;     // set while no piece is being written
};

}  // namespace pincer::io::detail
