#include "wire/testing/scripted_gateway.hpp"

namespace pincer::wire::testing {

class ScriptedGateway::Socket final : public io::WebSocket {
public:
    Socket(io::Runtime& runtime, ScriptedGateway& gateway) : gateway_(gateway), news_(runtime) {}
    ~Socket() override {
        if (gateway_.socket_ == this) gateway_.socket_ = nullptr;
    }

    Task<Result<io::WsMessage>> receive(Deadline deadline) override {
        while (inbox_.empty()) {
            if (closed_) co_return PINCER_FAIL(unavailable, "closed");
            news_.reset();
            PINCER_CO_CHECK(co_await news_.wait(deadline));
        }
        io::WsMessage message{std::move(inbox_.front()), false};
        inbox_.pop_front();
        co_return message;
    }
    Task<Result<>> send(std::string text) override {
        co_return post(std::make_shared<const std::string>(std::move(text)));
    }
    Result<> post(std::shared_ptr<const std::string> text) override {
        if (closed_) return PINCER_FAIL(unavailable, "closed");
        gateway_.take(*text);
        return {};
    }
    Task<> close(std::uint16_t code, std::string reason) override {
        if (!closed_) gateway_.closed_by_client_ = code;
        shut(code, std::move(reason));
        co_return;
    }
    io::WsClose close_status() const override { return status_; }
    std::size_t buffered_bytes() const override { return 0; }
    void set_max_message_bytes(std::size_t) override {}
    void set_max_buffered_bytes(std::size_t) override {}
    void keep_alive(Millis, Millis) override {}
    std::string remote_address() const override { return "127.0.0.1"; }

    void deliver(std::string text) {
        inbox_.push_back(std::move(text));
        news_.set();
    }
    void shut(std::uint16_t code, std::string reason) {
        if (closed_) return;
        closed_ = true;
        status_ = {code, std::move(reason)};
        if (gateway_.socket_ == this) gateway_.socket_ = nullptr;
        news_.set();
    }

private:
    ScriptedGateway& gateway_;
    io::Event news_;
    std::deque<std::string> inbox_;
    bool closed_ = false;
    io::WsClose status_;
};

namespace {
constexpr std::string_view kNonce = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
}

void ScriptedGateway::on(std::string method, json::value payload) {
    handlers_[std::move(method)] = [payload = std::move(payload)](const json::value&) -> Answer {
        return std::expected<json::value, WireError>(payload);
    };
}

Task<Result<std::unique_ptr<io::WebSocket>>> ScriptedGateway::connect(io::Url, io::WsConnectOptions, Deadline) {
    ++dials_;
    if (refuse_dials_) co_return Failure(*refuse_dials_);
    auto socket = std::make_unique<Socket>(runtime_, *this);
    socket_ = socket.get();
    greeted_ = false;
    seq_ = 0;
    const Challenge challenge{std::string(kNonce), to_millis(clock_.wall())};
    if (!silent_) socket_->deliver(write_event("connect.challenge", challenge.payload()));
    co_return std::unique_ptr<io::WebSocket>(std::move(socket));
}

void ScriptedGateway::take(std::string_view text) {
    const ParsedRequest parsed = parse_request(text);
    if (!parsed.frame || !socket_) return;
    const RequestFrame& frame = *parsed.frame;
    if (!greeted_) return take_connect(frame);
    calls_.push_back({frame.id, frame.method, frame.params});
    const auto handler = handlers_.find(frame.method);
    if (handler == handlers_.end()) return socket_->deliver(write_failure(frame.id, unknown_method(frame.method)));
    const Answer given = handler->second(frame.params);
    if (!given || !socket_) return;
    socket_->deliver(*given ? write_response(frame.id, **given) : write_failure(frame.id, given->error()));
}

void ScriptedGateway::take_connect(const RequestFrame& frame) {
    const auto params = parse_connect(frame.params);
    std::optional<ConnectFailure> failure =
        params ? judge(*params) : connect_failure::invalid_params(params.error().message());
    if (failure) {
        socket_->deliver(write_failure(frame.id, failure->error));
        return socket_->shut(failure->close_code, failure->close_reason());
    }
    connects_.push_back(*params);
    greeted_ = true;
    HelloOk hello{.server_version = "test", .boot_id = "boot-1", .conn_id = "conn-1", .scopes = params->scopes};
    hello.snapshot = json::object{{"presence", json::array()},
                                  {"health", json::object()},
                                  {"stateVersion", json::object{{"presence", 0}, {"health", 0}}},
                                  {"uptimeMs", 1}};
    if (issue_device_token && params->device) hello.device_token = Secret("device-token-1");
    hello.tick_interval_ms = tick_interval_ms;
    json::object payload = hello.to_json();
    for (const std::string& method : extra_methods) payload["features"].at("methods").as_array().emplace_back(method);
    socket_->deliver(write_response(frame.id, payload));
}

std::optional<ConnectFailure> ScriptedGateway::judge(const ConnectParams& params) const {
    if (refuse_connects_) return refuse_connects_;
    const std::string& given = params.auth.token.empty() ? params.auth.password.reveal() : params.auth.token.reveal();
    if (given != token.reveal() && given != "device-token-1") return connect_failure::token_mismatch();
    return params.device ? verify_device(params, kNonce, clock_.wall()) : std::nullopt;
}

void ScriptedGateway::answer(const std::string& id, const json::value& payload) {
    send_text(write_response(id, payload));
}

void ScriptedGateway::emit(std::string_view event, const json::value& payload) {
    if (socket_) socket_->deliver(*SharedEvent(event, payload).for_connection(++seq_));
}

void ScriptedGateway::send_text(std::string text) {
    if (socket_) socket_->deliver(std::move(text));
}

void ScriptedGateway::drop(std::uint16_t code, std::string reason) {
    if (socket_) socket_->shut(code, std::move(reason));
}

}  // namespace pincer::wire::testing
