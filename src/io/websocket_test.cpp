// WebSocket, both ends, over loopback.
#include <gtest/gtest.h>

#include "io/http_server.hpp"
#include "io/websocket.hpp"

namespace pincer::io {
namespace {

constexpr Millis kPatience{10'000};

Task<> echo(std::shared_ptr<Exchange> exchange) {
    Headers extra{{"X-Server", "pincer"}};
    auto socket = co_await exchange->accept_websocket(std::move(extra), 64 << 10);
    if (!socket) co_return;
    for (;;) {
        auto message = co_await (*socket)->receive();
        if (!message) co_return;
        if (!co_await (*socket)->send(std::move(message->data))) co_return;
    }
}

struct Fixture {
    explicit Fixture(HttpHandler handler = echo) {
        server = std::move(*HttpServer::listen(runtime, {}, std::move(handler)));
        connector = make_websocket_connector(runtime);
    }
    ~Fixture() { runtime.run_until_done(server->stop(Deadline::after(kPatience))); }

    Task<Result<std::unique_ptr<WebSocket>>> connect(std::size_t max_message_bytes = 32u << 20) {
        const Url url = *parse_url("ws://127.0.0.1:" + std::to_string(server->port()) + "/socket");
        WsConnectOptions options;
        options.egress = EgressPolicy::named("127.0.0.1");
        options.max_message_bytes = max_message_bytes;
        return connector->connect(url, std::move(options), Deadline::after(kPatience));
    }
    std::unique_ptr<WebSocket> connected() {
        auto socket = runtime.run_until_done(connect());
        EXPECT_TRUE(socket) << socket.error().message();
        return std::move(*socket);
    }

    Runtime runtime;
    std::unique_ptr<HttpServer> server;
    std::unique_ptr<WebSocketConnector> connector;
};

TEST(WebSocket, messages_come_back_whole_whatever_their_size) {
    Fixture f;
    auto socket = f.connected();
    const auto talk = [&]() -> Task<> {
        for (const std::size_t size : {0, 1, 125, 126, 65535, 65536}) {
            EXPECT_TRUE(co_await socket->send(std::string(size, 'm')));
            const auto message = co_await socket->receive(Deadline::after(kPatience));
            EXPECT_TRUE(message);
            if (message) EXPECT_EQ(message->data.size(), size);
        }
    };
    f.runtime.run_until_done(talk());
    EXPECT_EQ(socket->remote_address(), "127.0.0.1");
}

TEST(WebSocket, a_receive_that_timed_out_loses_no_message) {
    Fixture f;
    auto socket = f.connected();
    const auto talk = [&]() -> Task<> {
        const auto nothing = co_await socket->receive(Deadline::after(Millis(5)));
        EXPECT_EQ(nothing.error().code(), ErrorCode::timed_out);
        EXPECT_EQ(nothing.error().reason(), "READ_TIMEOUT");
        EXPECT_TRUE(nothing.error().message().starts_with("waiting for a message timed out after "))
            << nothing.error().message();
        EXPECT_TRUE(co_await socket->send("still here"));
        const auto message = co_await socket->receive(Deadline::after(kPatience));
        EXPECT_EQ(message->data, "still here");
    };
    f.runtime.run_until_done(talk());
}

TEST(WebSocket, a_cancelled_receive_leaves_the_socket_usable) {
    Fixture f;
    auto socket = f.connected();
    ErrorCode code = ErrorCode::internal;
    const auto waiting = [&]() -> Task<> {
        const auto message = co_await socket->receive();
        code = message.error().code();
    };
    const auto talk = [&]() -> Task<> {
        TaskGroup group(f.runtime);
        group.spawn(waiting());
        co_await yield();
        co_await group.stop();
        EXPECT_EQ(code, ErrorCode::cancelled);
        EXPECT_TRUE(co_await socket->send("x"));
        EXPECT_TRUE(co_await socket->receive(Deadline::after(kPatience)));
    };
    f.runtime.run_until_done(talk());
}

TEST(WebSocket, a_close_tells_the_other_side_code_and_reason) {
    WsClose seen;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto socket = co_await exchange->accept_websocket({}, 1024);
        const auto message = co_await (*socket)->receive();
        EXPECT_EQ(message.error().code(), ErrorCode::unavailable);
        seen = (*socket)->close_status();
        const Result<> late = co_await (*socket)->send("late");
        EXPECT_EQ(late.error().code(), ErrorCode::unavailable);
    };
    Fixture f(handler);
    auto socket = f.connected();
    f.runtime.run_until_done(socket->close(4001, "done for today"));
    EXPECT_EQ(socket->close_status().code, 4001);
    const auto settle = [&]() -> Task<> {
        for (int i = 0; i < 1000 && seen.code != 4001; ++i) (void)co_await sleep_for(Millis(1));
    };
    f.runtime.run_until_done(settle());
    EXPECT_EQ(seen.code, 4001);
    EXPECT_EQ(seen.reason, "done for today");
}

TEST(WebSocket, a_message_over_the_limit_closes_with_1009) {
    Fixture f;
    auto socket = f.connected();
    const auto talk = [&]() -> Task<> {
        (void)co_await socket->send(std::string(70'000, 'x'));
        const auto message = co_await socket->receive(Deadline::after(kPatience));
        EXPECT_EQ(message.error().code(), ErrorCode::unavailable);
    };
    f.runtime.run_until_done(talk());
    EXPECT_EQ(socket->close_status().code, 1009);
}

TEST(WebSocket, the_receiver_of_a_message_over_the_limit_gets_too_large) {
    Fixture f;
    auto socket = f.connected();
    socket->set_max_message_bytes(10);
    const auto talk = [&]() -> Task<> {
        (void)co_await socket->send("longer than ten bytes");
        const auto message = co_await socket->receive(Deadline::after(kPatience));
        EXPECT_EQ(message.error().code(), ErrorCode::too_large);
    };
    f.runtime.run_until_done(talk());
    EXPECT_EQ(socket->close_status().code, 1009);
}

TEST(WebSocket, a_peer_that_does_not_read_is_cut_off_at_the_limit) {
    Result<> last;
    WsClose status;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto socket = co_await exchange->accept_websocket({}, 1024);
        (*socket)->set_max_buffered_bytes(1 << 20);
        const auto text = std::make_shared<const std::string>(std::size_t(100'000), 'x');
        for (int i = 0; i < 200 && last; ++i) {
            last = (*socket)->post(text);
            co_await yield();
        }
        status = (*socket)->close_status();
    };
    Fixture f(handler);
    auto socket = f.connected();  // and never reads
    const auto settle = [&]() -> Task<> {
        for (int i = 0; i < 2000 && last; ++i) (void)co_await sleep_for(Millis(1));
    };
    f.runtime.run_until_done(settle());
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code(), ErrorCode::too_large);
    EXPECT_EQ(status.code, 1008);
}

TEST(WebSocket, posts_arrive_in_order_and_share_their_text) {
    const auto text = std::make_shared<const std::string>("shared");
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto socket = co_await exchange->accept_websocket({}, 1024);
        EXPECT_TRUE((*socket)->post(text));
        EXPECT_TRUE((*socket)->post(std::make_shared<const std::string>("second")));
        EXPECT_TRUE(co_await (*socket)->send("third"));
        co_await (*socket)->close(1000, "");
    };
    Fixture f(handler);
    auto socket = f.connected();
    const auto read = [&]() -> Task<std::string> {
        std::string all;
        for (;;) {
            const auto message = co_await socket->receive(Deadline::after(kPatience));
            if (!message) break;
            all += message->data + " ";
        }
        co_return all;
    };
    EXPECT_EQ(f.runtime.run_until_done(read()), "shared second third ");
    EXPECT_EQ(socket->close_status().code, 1000);
}

TEST(WebSocket, a_peer_without_pongs_is_given_up) {
    WsClose status;
    bool over = false;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto socket = co_await exchange->accept_websocket({}, 1024);
        (*socket)->keep_alive(Millis(10), Millis(10));
        (void)co_await (*socket)->receive();
        status = (*socket)->close_status();
        over = true;
    };
    Fixture f(handler);
    auto socket = f.connected();  // answers pings only while it receives, which it does not
    const auto wait = [&]() -> Task<> {
        for (int i = 0; i < 5000 && !over; ++i) (void)co_await sleep_for(Millis(1));
    };
    f.runtime.run_until_done(wait());
    EXPECT_TRUE(over);
    EXPECT_EQ(status.code, 1006);
}

TEST(WebSocket, a_peer_that_answers_pings_is_kept) {
    int alive_for = 0;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto socket = co_await exchange->accept_websocket({}, 1024);
        (*socket)->keep_alive(Millis(5), Millis(2000));
        (void)co_await (*socket)->receive();
    };
    Fixture f(handler);
    auto socket = f.connected();
    const auto wait = [&]() -> Task<> {
        for (; alive_for < 20; ++alive_for) {
            const auto message = co_await socket->receive(Deadline::after(Millis(10)));
            if (message.error().code() != ErrorCode::timed_out) break;
        }
    };
    f.runtime.run_until_done(wait());
    EXPECT_EQ(alive_for, 20);
}

TEST(WebSocket, stop_closes_with_1001) {
    Fixture f;
    auto socket = f.connected();
    const auto stop = [&]() -> Task<> {
        TaskGroup group(f.runtime);
        group.spawn(f.server->stop(Deadline::after(kPatience)));
        const auto message = co_await socket->receive(Deadline::after(kPatience));
        EXPECT_EQ(message.error().code(), ErrorCode::unavailable);
        while (group.size() > 0) (void)co_await sleep_for(Millis(1));
        co_await group.stop();
    };
    f.runtime.run_until_done(stop());
    EXPECT_EQ(socket->close_status().code, 1001);
}

TEST(WebSocket, an_answer_that_is_no_upgrade_names_its_status) {
    const auto handler = [](std::shared_ptr<Exchange> exchange) -> Task<> {
        EXPECT_TRUE(exchange->request().is_websocket_upgrade);
        auto response = ServerResponse::text(401, "who are you?");
        (void)co_await exchange->respond(std::move(response));
    };
    Fixture f(handler);
    const auto socket = f.runtime.run_until_done(f.connect());
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(socket.error().reason(), "HTTP_401");
}

TEST(WebSocket, a_server_that_never_answers_the_handshake_times_out) {
    const auto handler = [](std::shared_ptr<Exchange>) -> Task<> { (void)co_await sleep_for(Millis(60'000)); };
    Fixture f(handler);
    const Url url = *parse_url("ws://127.0.0.1:" + std::to_string(f.server->port()) + "/");
    WsConnectOptions options;
    options.egress = EgressPolicy::named("127.0.0.1");
    const auto socket = f.runtime.run_until_done(f.connector->connect(url, options, Deadline::after(Millis(30))));
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(socket.error().reason(), "ANSWER_TIMEOUT");
    EXPECT_NE(socket.error().message().find("handshake"), std::string::npos);
    f.runtime.run_until_done(f.server->stop(Deadline::after(Millis(1))));
}

}  // namespace
}  // namespace pincer::io
