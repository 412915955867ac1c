// A Gateway in memory, for tests of clients: it speaks the handshake, answers from a table and emits events on demand.
// No sockets and no time. It takes the place of the WebSocketConnector.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "io/websocket.hpp"
#include "wire/connect.hpp"
#include "wire/frame.hpp"

namespace pincer::wire::testing {

class ScriptedGateway final : public io::WebSocketConnector {
public:
    // The answer to one call; nothing means that the Gateway stays silent about it.
    using Answer = std::optional<std::expected<json::value, WireError>>;
    using Handler = std::function<Answer(const json::value& params)>;
    struct Call {
        std::string id;
        std::string method;
        json::value params;
    };

    ScriptedGateway(io::Runtime& runtime, const Clock& clock) : runtime_(runtime), clock_(clock) {}

    void on(std::string method, Handler handler) { handlers_[std::move(method)] = std::move(handler); }
    void on(std::string method, json::value payload);
    void answer(const std::string& id, const json::value& payload);  // late, for a call that was left silent
    void emit(std::string_view event, const json::value& payload);
    void send_text(std::string text);                               // anything at all
    void drop(std::uint16_t code = 1006, std::string reason = "");  // breaks the present connection
    void refuse_dials(std::optional<Error> why) { refuse_dials_ = std::move(why); }
    void refuse_connects(std::optional<ConnectFailure> why) { refuse_connects_ = std::move(why); }
    void stay_silent(bool silent) { silent_ = silent; }  // no challenge after a dial

    Secret token{"secret-token"};
    bool issue_device_token = true;
    std::vector<std::string> extra_methods;
    std::int64_t tick_interval_ms = 30'000;

    const std::vector<Call>& calls() const { return calls_; }
    std::size_t dials() const { return dials_; }
    const std::vector<ConnectParams>& connects() const { return connects_; }
    std::uint16_t closed_by_client() const { return closed_by_client_; }
    bool connected() const { return socket_ != nullptr; }

    Task<Result<std::unique_ptr<io::WebSocket>>> connect(io::Url url, io::WsConnectOptions options,
                                                         Deadline deadline) override;

private:
    class Socket;
    void take(std::string_view text);
    void take_connect(const RequestFrame& frame);
    std::optional<ConnectFailure> judge(const ConnectParams& params) const;

    io::Runtime& runtime_;
    const Clock& clock_;
    Socket* socket_ = nullptr;
    std::map<std::string, Handler> handlers_;
    std::vector<Call> calls_;
    std::vector<ConnectParams> connects_;
    std::optional<Error> refuse_dials_;
    std::optional<ConnectFailure> refuse_connects_;
    bool silent_ = false;
    bool greeted_ = false;
    std::size_t dials_ = 0;
    std::int64_t seq_ = 0;
    std::uint16_t closed_by_client_ = 0;
};

}  // namespace pincer::wire::testing
