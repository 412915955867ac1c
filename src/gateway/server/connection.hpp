// One client's WebSocket: challenge, connect, then requests and events until it goes.
#pragma once

#include <memory>
#include <string>

#include "gateway/methods/method.hpp"
#include "io/http_server.hpp"
#include "wire/frame.hpp"

namespace pincer::gateway {

class Connection {
public:
    Connection(Core& core, std::unique_ptr<io::WebSocket> socket, Peer peer);
    ~Connection();

    // From the challenge to the close.
    Task<> serve();
    // Hands over an event if this client may have it; counts its seq.
    void offer(const Event& event, const wire::SharedEvent& frame);
    Task<> close(std::uint16_t code, std::string reason);
    bool ready() const { return ready_; }
    const std::string& device_id() const { return caller_.device_id; }
    // Its device has lost its access: nothing more is told or taken from this moment on, and the caller closes it.
    void revoke();

private:
    Task<Result<>> handshake();
    Task<std::variant<Admitted, wire::ConnectFailure>> take_connect(const std::string& text, const std::string& nonce,
                                                                    std::string& request_id);
    Task<Result<>> greet(const std::string& request_id, Admitted admitted);
    void handle(const std::string& text);
    Task<> run_slow(const Method& method, std::string id, json::object params);
    void answer(const std::string& id, const Answer& answer);
    void send(std::string text);

    Core& core_;
    std::unique_ptr<io::WebSocket> socket_;
    Peer peer_;
    Caller caller_;
    bool ready_ = false;
    bool revoked_ = false;
    std::int64_t seq_ = 0;
    std::size_t in_flight_ = 0;
    io::TaskGroup calls_;
};

// Calls that wait (a decision, a delivery) that one client may have open at once.
inline constexpr std::size_t kMaxCallsInFlight = 256;

}  // namespace pincer::gateway
