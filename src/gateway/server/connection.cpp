#include "gateway/server/connection.hpp"

#include "base/log.hpp"
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {

Connection::Connection(Core& core, std::unique_ptr<io::WebSocket> socket, Peer peer)
    : core_(core), socket_(std::move(socket)), peer_(std::move(peer)), calls_(core.runtime) {
    socket_->set_max_message_bytes(wire::kMaxHandshakeBytes);
    socket_->set_max_buffered_bytes(wire::kMaxBufferedBytes);
}

Connection::~Connection() = default;

Task<> Connection::serve() {
    auto admitted = co_await handshake();
    if (admitted) {
        for (;;) {
            auto message = co_await socket_->receive();
            if (!message || revoked_) break;
            if (!message->binary) handle(message->data);
        }
    }
    ready_ = false;
    co_await calls_.stop();
}

Task<> Connection::close(std::uint16_t code, std::string reason) { co_await socket_->close(code, std::move(reason)); }

void Connection::revoke() {
    ready_ = false;
    revoked_ = true;
}

// Errors only mean that the connection is over; the client has been told why.
Task<Result<>> Connection::handshake() {
    const Deadline deadline = Deadline::after(wire::kConnectDeadline);
    wire::Challenge challenge;
    challenge.nonce = core_.random.uuid();
    challenge.ts = to_millis(core_.clock.wall());
    send(wire::write_event("connect.challenge", challenge.payload()));
    auto first = co_await socket_->receive(deadline);
    if (!first) {
        if (first.error().code() == ErrorCode::timed_out) co_await socket_->close(1008, "connect timed out");
        co_return Failure(std::move(first).error());
    }
    std::string request_id;
    auto outcome = co_await take_connect(first->data, challenge.nonce, request_id);
    if (auto* refused = std::get_if<wire::ConnectFailure>(&outcome)) {
        if (refused->answered) send(wire::write_failure(request_id, refused->error));
        co_await socket_->close(refused->close_code, refused->close_reason());
        co_return PINCER_FAIL(unauthenticated, "{}", refused->error.message);
    }
    Admitted admitted = std::move(std::get<Admitted>(outcome));
    co_return co_await greet(request_id, std::move(admitted));
}

Task<std::variant<Admitted, wire::ConnectFailure>> Connection::take_connect(const std::string& text,
                                                                            const std::string& nonce,
                                                                            std::string& request_id) {
    namespace failure = wire::connect_failure;
    wire::ParsedRequest parsed = wire::parse_request(text);
    request_id = parsed.answer_id;
    if (!parsed.frame)
        co_return parsed.frame.error().code() == ErrorCode::protocol ? failure::not_json() : failure::not_a_request();
    if (parsed.frame->method != "connect") co_return failure::first_must_be_connect();
    auto params = wire::parse_connect(parsed.frame->params);
    if (!params) co_return failure::invalid_params(params.error().message());
    if (auto mismatch = wire::check_protocol(*params)) co_return *std::move(mismatch);
    if (!core_.authenticator.origin_allowed(peer_.origin, peer_.host)) co_return failure::origin_not_allowed();
    caller_.client_mode = params->client.mode;
    co_return co_await core_.authenticator.admit(*std::move(params), nonce, peer_);
}

Task<Result<>> Connection::greet(const std::string& request_id, Admitted admitted) {
    caller_.conn_id = core_.random.uuid();
    caller_.device_id = admitted.device_id;
    caller_.scopes = admitted.scopes;
    caller_.principal = admitted.principal;

    wire::HelloOk hello;
    hello.server_version = core_.version;
    hello.boot_id = core_.boot_id;
    hello.conn_id = caller_.conn_id;
    hello.scopes = admitted.scopes.names();
    hello.device_token = std::move(admitted.device_token);
    hello.issued_at_ms = admitted.issued_at_ms;
    hello.snapshot = {
        {"presence", presence_snapshot(core_)},
        {"health", health_snapshot(core_)},
        {"stateVersion", json::object{{"presence", 1}, {"health", 1}}},
        {"uptimeMs", (core_.clock.wall() - core_.started_at).count()},
    };
    socket_->admit_peer();
    socket_->set_max_message_bytes(wire::kMaxPayloadBytes);
    socket_->keep_alive(Millis(wire::kTickIntervalMs), Millis(25'000));
    send(wire::write_response(request_id, hello.to_json()));
    ready_ = true;
    log::info("gateway.client",
              {{"conn", caller_.conn_id}, {"principal", caller_.principal.id}, {"client", caller_.principal.display}});
    co_return Result<>{};
}

void Connection::handle(const std::string& text) {
    wire::ParsedRequest parsed = wire::parse_request(text);
    if (!parsed.frame) {
        if (parsed.frame.error().code() == ErrorCode::protocol) return;  // not JSON: left alone, as the original does
        return send(wire::write_failure(parsed.answer_id, wire::to_wire(parsed.frame.error())));
    }
    wire::RequestFrame& frame = *parsed.frame;
    if (auto refusal = wire::refuse_call(frame.method, caller_.scopes))
        return send(wire::write_failure(frame.id, *refusal));
    const Method* method = find_handler(frame.method);
    if (!method) return send(wire::write_failure(frame.id, wire::unknown_method(frame.method)));
    if (auto valid = wire::validate_params(*wire::find_method(frame.method), frame.params); !valid) {
        return send(wire::write_failure(frame.id, wire::to_wire(valid.error())));
    }
    json::object params = frame.params.is_object() ? std::move(frame.params.get_object()) : json::object{};
    if (method->quick) {
        MethodCall call{core_, caller_, std::move(params), {}};
        return answer(frame.id, method->quick(call));
    }
    if (in_flight_ >= kMaxCallsInFlight) {
        Error busy(ErrorCode::rate_limited, fmt::format("{} calls are open on this connection already", in_flight_));
        return answer(frame.id, Answer::failed(busy));
    }
    ++in_flight_;
    calls_.spawn(run_slow(*method, std::move(frame.id), std::move(params)));
}

Task<> Connection::run_slow(const Method& method, std::string id, json::object params) {
    std::function<void(const json::object&)> first = [this, id](const json::object& payload) {
        send(wire::write_response(id, payload));
    };
    MethodCall call{core_, caller_, std::move(params), std::move(first)};
    const Answer result = co_await method.slow(std::move(call));
    --in_flight_;
    answer(id, result);
}

void Connection::answer(const std::string& id, const Answer& result) {
    send(result.error ? wire::write_failure(id, *result.error) : wire::write_response_text(id, result.payload));
}

// A client that does not read is closed by the socket's own limit; there is nobody left to tell.
void Connection::send(std::string text) {
    auto posted = socket_->post(std::make_shared<const std::string>(std::move(text)));
    if (!posted) log::failure(log::Level::debug, "gateway.send", posted.error());
}

void Connection::offer(const Event& event, const wire::SharedEvent& frame) {
    if (!ready_) return;
    const bool live_only = event.name == "chat" || event.name == "agent";
    switch (event.audience) {
        case Audience::everyone: break;
        case Audience::readers:
            if (!caller_.scopes.allows(wire::Scope::read)) return;
            if (!live_only && !caller_.subscribed && !caller_.watched.contains(event.session_key)) return;
            break;
        case Audience::approvers:
            if (!caller_.scopes.allows(wire::Scope::approvals)) return;
            break;
    }
    auto posted = socket_->post(frame.for_connection(++seq_));
    if (!posted) log::failure(log::Level::debug, "gateway.event", posted.error());
}

}  // namespace pincer::gateway
