#include "gateway/server/server.hpp"

#include "gateway/testing/gateway_test_base.hpp"
#include "wire/client.hpp"

namespace pincer::gateway {
namespace {

using agent::testing::text_reply;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::object;
using ::testing::SizeIs;

constexpr Millis kSoon{5'000};

json::object connect_params(std::string token = testing::kToken, std::string scopes = R"(["operator.admin"])") {
    return object(fmt::format(
        R"({{"minProtocol":4,"maxProtocol":4,"client":{{"id":"cli","version":"1","platform":"linux","mode":"cli"}},"role":"operator",
                                  "scopes":{},"auth":{{"token":"{}"}}}})",
        scopes, token));
}

// Real sockets on the loopback, and io's own WebSocket on the other end.
class Servers : public testing::GatewayTest {
protected:
    using Socket = std::unique_ptr<io::WebSocket>;

    Socket dial(std::vector<std::pair<std::string, std::string>> headers = {}) {
        auto socket = try_dial(std::move(headers));
        EXPECT_TRUE(socket) << socket.error().message();
        return socket ? *std::move(socket) : nullptr;
    }
    Result<Socket> try_dial(std::vector<std::pair<std::string, std::string>> headers = {}) {
        io::WsConnectOptions options;
        options.egress.allow_hosts = {"127.0.0.1"};
        for (auto& [name, value] : headers) options.headers.set(name, value);
        return run(connector->connect(*io::parse_url(fmt::format("ws://127.0.0.1:{}/", port())), std::move(options),
                                      Deadline::after(kSoon)));
    }
    json::object receive(io::WebSocket& socket) {
        auto message = run(socket.receive(Deadline::after(kSoon)));
        EXPECT_TRUE(message) << message.error().message();
        return message ? object(message->data) : json::object{};
    }
    void send(io::WebSocket& socket, std::string text) { (void)run(socket.send(std::move(text))); }
    io::WsClose closed(io::WebSocket& socket) {
        for (;;) {
            auto message = run(socket.receive(Deadline::after(kSoon)));
            if (!message) break;
        }
        return socket.close_status();
    }
    // A client past its handshake.
    Socket client(std::string scopes = R"(["operator.admin"])") {
        Socket socket = dial();
        EXPECT_EQ(receive(*socket).at("event"), "connect.challenge");
        send(*socket, wire::write_request("1", "connect", connect_params(testing::kToken, std::move(scopes))));
        const json::object hello = receive(*socket);
        EXPECT_EQ(hello.at("ok"), true) << json::write(hello);
        return socket;
    }
    json::object ask(io::WebSocket& socket, std::string method, json::object params = {}) {
        const std::string id = std::to_string(++asked);
        send(socket, wire::write_request(id, method, params));
        for (;;) {
            json::object frame = receive(socket);
            if (frame.empty() || json::string_or(frame, "id") == id) return frame;
            passed_by.push_back(std::move(frame));
        }
    }
    // Events until one of this name, with those on the way.
    std::vector<json::object> until(io::WebSocket& socket, std::string_view event) {
        std::vector<json::object> seen;
        do {
            seen.push_back(receive(socket));
        } while (!seen.back().empty() && json::string_or(seen.back(), "event") != event);
        return seen;
    }

    std::unique_ptr<io::WebSocketConnector> connector = io::make_websocket_connector(runtime);
    int asked = 100;
    std::vector<json::object> passed_by;
};

TEST_F(Servers, a_handshake_ends_in_hello_ok) {
    Socket socket = dial();
    const json::object challenge = receive(*socket);
    EXPECT_FALSE(challenge.contains("seq")) << "before the connection counts";
    send(*socket, wire::write_request("1", "connect", connect_params()));
    const json::object hello = receive(*socket).at("payload").as_object();
    EXPECT_EQ(hello.at("type"), "hello-ok");
    EXPECT_EQ(hello.at("protocol"), 4);
    EXPECT_EQ(hello.at("policy").as_object().at("maxPayload"), 26'214'400);
    EXPECT_EQ(ask(*socket, "health").at("ok"), true);
}

TEST_F(Servers, first_frames_that_are_wrong_close_with_their_code) {
    struct Row {
        std::string frame;
        std::uint16_t code;
        std::string said;  // "": no answer at all
    };
    json::object protocol = connect_params();
    protocol["minProtocol"] = 2;
    protocol["maxProtocol"] = 3;
    const Row rows[] = {
        {"garbage", 1000, ""},
        {R"({"type":"req"})", 1008, ""},
        {wire::write_request("1", "health", json::object{}), 1008, "invalid handshake: first request must be connect"},
        {wire::write_request("1", "connect", json::object{}), 1008,
         "invalid connect params: must have required property 'minProtocol'"},
        {wire::write_request("1", "connect", protocol), 1002, "protocol mismatch"},
        {wire::write_request("1", "connect", connect_params("wrong")), 1008,
         "unauthorized: gateway token mismatch (provide gateway auth token)"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.frame.substr(0, 60));
        Socket socket = dial();
        receive(*socket);
        send(*socket, row.frame);
        if (!row.said.empty())
            EXPECT_EQ(json::string_or(receive(*socket).at("error").as_object(), "message"), row.said);
        EXPECT_EQ(closed(*socket).code, row.code);
    }
}

TEST_F(Servers, frames_are_small_before_hello_and_bounded_after_it) {
    Socket stranger = dial();
    receive(*stranger);
    send(*stranger, std::string(wire::kMaxHandshakeBytes + 1, 'x'));
    EXPECT_EQ(closed(*stranger).code, 1009);
    Socket known = client();
    json::object large{{"key", std::string(200'000, 'k')}};
    EXPECT_EQ(ask(*known, "sessions.describe", large).at("ok"), true);
    known->set_max_buffered_bytes(2 * wire::kMaxPayloadBytes);  // our end would refuse to send it otherwise
    send(*known, std::string(wire::kMaxPayloadBytes + 1, 'x'));
    EXPECT_THAT(closed(*known).code, ::testing::AnyOf(1009, 1006))
        << "1006: the close was overtaken by the reset of what we were still sending";
    EXPECT_EQ(ask(*client(), "health").at("ok"), true);
}

TEST_F(Servers, after_hello_garbage_is_ignored_and_mistakes_are_answered) {
    Socket socket = client(R"(["operator.read"])");
    send(*socket, "garbage");
    send(*socket, R"({"type":"req","id":"7"})");
    EXPECT_EQ(receive(*socket).at("id"), "7");
    EXPECT_EQ(ask(*socket, "no.such").at("error").as_object().at("message"), "missing scope: operator.admin");
    EXPECT_EQ(ask(*socket, "chat.send", {{"sessionKey", "main"}})
                  .at("error")
                  .as_object()
                  .at("details")
                  .as_object()
                  .at("missingScope"),
              "operator.write");
    EXPECT_EQ(ask(*socket, "sessions.list", {{"bogus", 1}}).at("error").as_object().at("message"),
              "invalid sessions.list params: at root: unexpected property 'bogus'");
    EXPECT_EQ(ask(*socket, "health").at("ok"), true);
}

TEST_F(Servers, hosts_and_origins_that_are_not_ours) {
    EXPECT_FALSE(try_dial({{"Host", "evil.example"}})) << "refused before any WebSocket";
    Socket socket = dial({{"Origin", "https://evil.example"}});
    receive(*socket);
    send(*socket, wire::write_request("1", "connect", connect_params()));
    EXPECT_EQ(receive(*socket).at("error").as_object().at("details").as_object().at("code"),
              "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    EXPECT_EQ(closed(*socket).code, 1008);
    // Behind a proxy nobody is "on this machine": the shared secret alone is not enough.
    Socket proxied = dial({{"X-Forwarded-For", "203.0.113.9"}});
    receive(*proxied);
    send(*proxied, wire::write_request("1", "connect", connect_params()));
    EXPECT_EQ(receive(*proxied).at("error").as_object().at("details").as_object().at("code"),
              "DEVICE_IDENTITY_REQUIRED");
}

TEST_F(Servers, events_go_to_whom_they_concern_each_with_its_own_seq) {
    Socket reader = client(R"(["operator.read"])"), quiet = client(R"(["operator.read"])"),
           approver = client(R"(["operator.approvals"])");
    ask(*reader, "sessions.subscribe");
    ask(*quiet, "sessions.messages.subscribe", {{"key", "agent:main:other"}});
    scripted.then(text_reply("hello"));
    platform.write("ann", "hi");
    auto seen = until(*reader, "session.message");
    auto rest = until(*reader, "session.message");
    seen.insert(seen.end(), rest.begin(), rest.end());
    std::int64_t seq = 0;
    for (const auto& frame : seen) EXPECT_EQ(frame.at("seq"), ++seq) << json::write(frame).substr(0, 100);
    // The quiet one has the live events of the run only, numbered from 1 without a gap.
    pump();
    const json::object bye = ask(*quiet, "health");
    EXPECT_EQ(bye.at("ok"), true);
    std::int64_t own = 0;
    for (const auto& frame : passed_by) {
        EXPECT_EQ(frame.at("seq"), ++own);
        EXPECT_THAT((std::vector<std::string>{"chat", "agent"}), ::testing::Contains(json::string_or(frame, "event")));
    }
    passed_by.clear();
    EXPECT_EQ(ask(*approver, "exec.approval.list").at("ok"), true);
    EXPECT_THAT(passed_by, IsEmpty()) << "who may only approve does not read along";
}

TEST_F(Servers, an_approval_is_told_to_approvers_alone_and_answered_in_two_phases) {
    Socket asker = client(), boss = client(R"(["operator.approvals"])"), reader = client(R"(["operator.read"])");
    ask(*reader, "sessions.subscribe");
    send(*asker,
         wire::write_request("ask", "plugin.approval.request",
                             object(R"({"title":"Restart","description":"web","twoPhase":true,"timeoutMs":60000})")));
    const auto requested = until(*boss, "plugin.approval.requested").back().at("payload").as_object();
    json::object first = receive(*asker);
    while (first.contains("event")) first = receive(*asker);
    EXPECT_EQ(first.at("payload").as_object().at("status"), "accepted");
    const json::object refused =
        ask(*boss, "plugin.approval.resolve", {{"id", requested.at("id")}, {"decision", "allow-once"}});
    EXPECT_EQ(refused.at("error").as_object().at("details").as_object().at("reason"), "APPROVAL_SELF")
        << "who holds the secret is one person";
    EXPECT_EQ(ask(*boss, "plugin.approval.resolve", {{"id", requested.at("id")}, {"decision", "deny"}}).at("ok"), true);
    json::object last = receive(*asker);
    while (last.contains("event")) last = receive(*asker);
    EXPECT_EQ(last.at("payload").as_object().at("decision"), "deny");
    passed_by.clear();
    ask(*reader, "health");
    EXPECT_THAT(passed_by, IsEmpty());
}

TEST_F(Servers, a_connection_that_goes_takes_its_waiting_calls_along) {
    Socket asker = client();
    send(*asker,
         wire::write_request("ask", "plugin.approval.request", object(R"({"title":"Restart","description":"web"})")));
    until(*asker, "plugin.approval.requested");
    run(asker->close(1000, "bye"));
    asker.reset();
    Socket other = client();
    EXPECT_EQ(ask(*other, "plugin.approval.list").at("payload").as_array().size(), 1u)
        << "the request itself is durable";
}

TEST_F(Servers, calls_that_wait_are_bounded) {
    Socket socket = client();
    const json::object request = object(R"({"title":"Restart","description":"web"})");
    for (std::size_t i = 0; i <= kMaxCallsInFlight; ++i)
        send(*socket, wire::write_request(fmt::format("w{}", i), "plugin.approval.request", request));
    json::object frame;
    do {
        frame = receive(*socket);
    } while (!frame.empty() && json::string_or(frame, "type") != "res");
    EXPECT_EQ(json::string_or(frame, "id"), fmt::format("w{}", kMaxCallsInFlight));
    EXPECT_THAT(json::write(frame), HasSubstr("calls are open on this connection already"));
}

TEST_F(Servers, a_client_that_does_not_read_is_dropped_and_nobody_else_waits) {
    Socket deaf = client(), reader = client();
    ask(*reader, "sessions.subscribe");
    ask(*deaf, "sessions.subscribe");
    Event event;
    event.name = "session.message";
    event.payload =
        std::make_shared<const std::string>(json::write(json::object{{"text", std::string(4u << 20, 'x')}}));
    for (int i = 0; i < 24; ++i) {  // 96 MB, above maxBufferedBytes and any socket buffer
        core().events.publish(event);
        EXPECT_EQ(until(*reader, "session.message").size(), 1u);
    }
    EXPECT_EQ(closed(*deaf).code == 1000, false);
    EXPECT_EQ(ask(*reader, "health").at("ok"), true);
}

TEST_F(Servers, revoking_a_device_ends_its_connection_in_the_middle_of_a_stream) {
    crypto::Ed25519KeyPair key = crypto::Ed25519KeyPair::generate(random);
    Socket device = dial();
    const json::object challenge = receive(*device);
    auto parsed = wire::parse_connect(json::value(connect_params(testing::kToken, R"(["operator.read"])")));
    ASSERT_TRUE(parsed);
    wire::sign_device(*parsed, key, json::string_or(challenge.at("payload").as_object(), "nonce"),
                      to_millis(clock.wall()));
    send(*device, wire::write_request("1", "connect", wire::to_json(*parsed)));
    ASSERT_EQ(receive(*device).at("ok"), true);
    ask(*device, "sessions.subscribe");

    Socket reader = client(R"(["operator.read"])"), boss = client();
    ask(*reader, "sessions.subscribe");
    Event event;
    event.name = "session.message";
    event.payload = std::make_shared<const std::string>(R"({"text":"before"})");
    core().events.publish(event);
    EXPECT_THAT(json::write(until(*device, "session.message").back()), HasSubstr("before"));
    const json::object listed = ask(*boss, "device.pair.list").at("payload").as_object();
    const std::string id = json::string_or(listed.at("paired").as_array().at(0).as_object(), "deviceId");
    EXPECT_EQ(ask(*boss, "device.token.revoke", {{"deviceId", id}, {"role", "operator"}}).at("ok"), true);
    event.payload = std::make_shared<const std::string>(R"({"text":"after"})");
    core().events.publish(event);
    std::string rest;
    for (;;) {
        auto message = run(device->receive(Deadline::after(kSoon)));
        if (!message) break;
        rest += message->data;
    }
    EXPECT_EQ(device->close_status().code, 1008);
    EXPECT_EQ(device->close_status().reason, "device token revoked");
    EXPECT_THAT(rest, ::testing::Not(HasSubstr("after")));
    EXPECT_THAT(json::write(until(*reader, "session.message").back()), HasSubstr("before"));
    EXPECT_THAT(json::write(until(*reader, "session.message").back()), HasSubstr("after"))
        << "nobody else is concerned";
    const json::object unknown = ask(*boss, "device.pair.remove", {{"deviceId", "nobody"}}).at("error").as_object();
    EXPECT_EQ(unknown.at("details").as_object().at("reason"), "DEVICE_NOT_FOUND");
}

TEST_F(Servers, a_device_that_may_do_more_is_not_ended_by_one_that_may_do_less) {
    crypto::Ed25519KeyPair key = crypto::Ed25519KeyPair::generate(random);
    Socket device = dial();
    const json::object challenge = receive(*device);
    auto parsed = wire::parse_connect(json::value(connect_params(testing::kToken, R"(["operator.admin"])")));
    wire::sign_device(*parsed, key, json::string_or(challenge.at("payload").as_object(), "nonce"),
                      to_millis(clock.wall()));
    send(*device, wire::write_request("1", "connect", wire::to_json(*parsed)));
    ASSERT_EQ(receive(*device).at("ok"), true);
    Socket lesser = client(R"(["operator.pairing"])");
    for (const char* method : {"device.token.revoke", "device.pair.remove"}) {
        json::object params{{"deviceId", parsed->device->id}};
        if (std::string_view(method) == "device.token.revoke") params["role"] = "operator";
        EXPECT_EQ(ask(*lesser, method, params).at("error").as_object().at("details").as_object().at("reason"),
                  "DEVICE_OUTRANKS_CALLER")
            << method;
    }
    EXPECT_EQ(ask(*device, "health").at("ok"), true);
    send(*device,
         wire::write_request("end", "device.pair.remove",
                             json::object{{"deviceId", parsed->device->id}}));  // its own access it may always end
    EXPECT_EQ(closed(*device).code, 1008);
}

TEST_F(Servers, many_connections_come_and_go) {
    std::vector<Socket> sockets;
    for (int i = 0; i < 100; ++i) sockets.push_back(client(R"(["operator.read"])"));
    for (std::size_t i = 0; i < sockets.size(); i += 2) sockets[i].reset();
    Event beat;
    beat.name = "tick";
    beat.payload = std::make_shared<const std::string>(R"({"ts":1})");
    beat.audience = Audience::everyone;
    pump();
    core().events.publish(beat);
    for (std::size_t i = 1; i < sockets.size(); i += 2) EXPECT_EQ(until(*sockets[i], "tick").back().at("seq"), 1);
}

TEST_F(Servers, ticks_come_with_time_and_shutdown_is_told) {
    Socket socket = client();
    advance(Millis(wire::kTickIntervalMs));
    EXPECT_EQ(until(*socket, "tick").back().at("payload").as_object().at("ts"), to_millis(clock.wall()));
    stop();
    auto seen = run(socket->receive(Deadline::after(kSoon)));
    ASSERT_TRUE(seen);
    EXPECT_THAT(seen->data, HasSubstr("shutdown"));
    EXPECT_EQ(closed(*socket).code, 1001);
}

// wire's own client, which the bridge and the command line stand on.
class Watcher final : public wire::ClientObserver {
public:
    Task<Result<>> on_connected(const wire::Hello&) override {
        ++connected;
        co_return Result<>{};
    }
    void on_event(const wire::EventFrame& event) override { events.push_back(event.event); }
    void on_down(const Error& error, Millis) override { downs.push_back(error.message()); }
    int connected = 0;
    std::vector<std::string> events, downs;
};

TEST_F(Servers, our_own_client_is_served) {
    Watcher watcher;
    wire::ClientOptions options;
    options.url = *io::parse_url(fmt::format("ws://127.0.0.1:{}/", port()));
    options.egress.allow_hosts = {"127.0.0.1"};
    options.connect.client.version = "1";
    options.connect.client.platform = "linux";
    options.connect.scopes = {"operator.read"};
    options.token = Secret(testing::kToken);
    SystemClock real_time;
    wire::Client client(runtime, *connector, real_time, random, options, watcher);
    io::TaskGroup group(runtime);
    group.spawn(client.run(), "client");
    ASSERT_TRUE(run(client.ready(Deadline::after(kSoon))));
    json::object nothing;
    auto health = run(client.call("health", nothing, Deadline::after(kSoon)));
    ASSERT_TRUE(health) << health.error().message();
    EXPECT_EQ(health->as_object().at("ok"), true);
    auto refused = run(client.call("chat.inject", nothing, Deadline::after(kSoon)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "missing scope: operator.admin");
    client.stop();
    run(group.stop());
}

}  // namespace
}  // namespace pincer::gateway
